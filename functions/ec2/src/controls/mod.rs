//! One file each: what Snapback takes back on Amazon EC2.

mod open_security_group;

pub(crate) use open_security_group::{OpenSecurityGroup, PrefixList};
