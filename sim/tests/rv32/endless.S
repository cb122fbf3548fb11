// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// Does nothing, for ever.

.include "test.inc"
begin
  1:
    j 1b
end
