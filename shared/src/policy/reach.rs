//! How far something lets people in, and whether that is beyond doubt.

use super::trust::Exposure;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    pub exposure: Exposure,
    pub certain: bool,
}

impl Reach {
    pub(super) const NOBODY: Self = Self::certain(Exposure::None);
    pub(super) const ANYONE: Self = Self::certain(Exposure::Public);
    /// Perhaps anyone: narrowed in a way that is not judged here.
    pub(super) const UNKNOWN: Self = Self::unsure(Exposure::Public);

    pub(super) const fn certain(exposure: Exposure) -> Self {
        Self { exposure, certain: true }
    }

    pub(super) const fn unsure(exposure: Exposure) -> Self {
        Self { exposure, certain: false }
    }

    /// Who is let in by either.
    pub(super) fn or(self, other: Self) -> Self {
        match self.exposure.cmp(&other.exposure) {
            std::cmp::Ordering::Less => other,
            std::cmp::Ordering::Greater => self,
            std::cmp::Ordering::Equal => Self { certain: self.certain || other.certain, ..self },
        }
    }

    /// Who is let in only by both.
    pub(super) fn and(self, other: Self) -> Self {
        let exposure = self.exposure.min(other.exposure);
        // Whom nobody needs to be kept out of is not in doubt.
        Self { exposure, certain: self.certain && other.certain || !exposure.is_untrusted() }
    }

    pub(super) fn is_narrower_than_public(self) -> bool {
        self.exposure < Exposure::Public
    }
}
