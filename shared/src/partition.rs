//! The partitions of AWS: what their ARNs, Regions, addresses and consoles look like.
//!
//! <https://github.com/boto/botocore/blob/develop/botocore/data/partitions.json>

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Partition {
    Commercial,
    China,
    UsGov,
    EuropeanSovereign,
    Iso,
    IsoB,
    IsoE,
    IsoF,
}

impl Partition {
    pub(crate) const ALL: [Self; 8] = [
        Self::Commercial,
        Self::China,
        Self::UsGov,
        Self::EuropeanSovereign,
        Self::Iso,
        Self::IsoB,
        Self::IsoE,
        Self::IsoF,
    ];

    /// By its name in ARNs; nothing if there is none of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|partition| partition.name() == name)
    }

    /// In which a Region lies.
    #[must_use]
    pub fn of_region(region: &str) -> Self {
        let is_in = |partition: &Self| partition.regions().iter().any(|prefix| region.starts_with(prefix));
        Self::ALL.into_iter().find(is_in).unwrap_or(Self::Commercial)
    }

    /// As ARNs have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Commercial => "aws",
            Self::China => "aws-cn",
            Self::UsGov => "aws-us-gov",
            Self::EuropeanSovereign => "aws-eusc",
            Self::Iso => "aws-iso",
            Self::IsoB => "aws-iso-b",
            Self::IsoE => "aws-iso-e",
            Self::IsoF => "aws-iso-f",
        }
    }

    /// What the addresses of its services end with.
    #[must_use]
    pub fn dns_suffix(self) -> &'static str {
        match self {
            Self::Commercial | Self::UsGov => "amazonaws.com",
            Self::China => "amazonaws.com.cn",
            Self::EuropeanSovereign => "amazonaws.eu",
            Self::Iso => "c2s.ic.gov",
            Self::IsoB => "sc2s.sgov.gov",
            Self::IsoE => "cloud.adc-e.uk",
            Self::IsoF => "csp.hci.ic.gov",
        }
    }

    /// What the address of its console ends with. Where those of the isolated partitions are is not public.
    #[must_use]
    pub fn console(self) -> &'static str {
        match self {
            Self::China => "console.amazonaws.cn",
            Self::UsGov => "console.amazonaws-us-gov.com",
            Self::EuropeanSovereign => "console.amazonaws-eusc.eu",
            Self::Commercial | Self::Iso | Self::IsoB | Self::IsoE | Self::IsoF => "console.aws.amazon.com",
        }
    }

    /// Where it has IAM: every call of it says so. Not known of the isolated partitions.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-requestedregion>
    #[must_use]
    pub fn region_of_iam(self) -> Option<&'static str> {
        match self {
            Self::Commercial => Some("us-east-1"),
            Self::China => Some("cn-north-1"),
            Self::UsGov => Some("us-gov-west-1"),
            Self::EuropeanSovereign => Some("eusc-de-east-1"),
            Self::Iso | Self::IsoB | Self::IsoE | Self::IsoF => None,
        }
    }

    /// How the names of its Regions begin; all others are commercial.
    fn regions(self) -> &'static [&'static str] {
        match self {
            Self::Commercial => &[],
            Self::China => &["cn-"],
            Self::UsGov => &["us-gov-"],
            Self::EuropeanSovereign => &["eusc-"],
            Self::Iso => &["us-iso-"],
            Self::IsoB => &["us-isob-"],
            Self::IsoE => &["eu-isoe-"],
            Self::IsoF => &["us-isof-"],
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_tells_its_partition_and_a_name_finds_it() {
        for (region, name, suffix) in [
            ("eu-central-1", "aws", "amazonaws.com"),
            ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
            ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
            ("eusc-de-east-1", "aws-eusc", "amazonaws.eu"),
            ("us-iso-east-1", "aws-iso", "c2s.ic.gov"),
            ("us-isob-east-1", "aws-iso-b", "sc2s.sgov.gov"),
            ("eu-isoe-west-1", "aws-iso-e", "cloud.adc-e.uk"),
            ("us-isof-south-1", "aws-iso-f", "csp.hci.ic.gov"),
        ] {
            let partition = Partition::of_region(region);
            assert_eq!((partition.name(), partition.dns_suffix()), (name, suffix), "{region}");
            assert_eq!(Partition::named(name), Some(partition));
        }
        assert_eq!(Partition::named("awsx"), None);
    }
}
