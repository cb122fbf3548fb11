// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! What the device profiles stand for.

use siov_sim::Straps;

use super::Profile;

impl Profile {
    /// Every profile.
    pub const ALL: [Profile; 3] = [Profile::Small, Profile::Idxd, Profile::Scale];

    /// The name in scenario files.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Small => "small",
            Profile::Idxd => "idxd",
            Profile::Scale => "scale",
        }
    }

    /// IDs and sizes.
    pub fn straps(self) -> Straps {
        // The model has a profile for each name.
        Straps::profile(self.name()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_has_every_profile() {
        for profile in Profile::ALL {
            assert!(Straps::profile(profile.name()).is_some());
        }
    }
}
