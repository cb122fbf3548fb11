// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// A check that does not hold.

.include "test.inc"
begin
    rr add, 1, 1, 2
    rr add, 1, 2, 3
    rr add, 1, 3, 5
    rr add, 1, 4, 5
end
