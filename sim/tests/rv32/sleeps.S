// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// Sleeps with the timer off.

.include "test.inc"
begin
    wfi
end
