//! Every function there is.

use snapback::control::Function;

pub(crate) const FUNCTIONS: [&Function; 3] = [&s3::FUNCTION, &ec2::FUNCTION, &own::FUNCTION];
