//! What IAM has to allow for the controls of IAM, and on what.

use snapback::right::{On, Right};

const USERS: On = On::new("Users", &["arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*"]);
pub(crate) const GET_USER: Right = USERS.right("iam:GetUser");
pub(crate) const LIST_USER_TAGS: Right = USERS.right("iam:ListUserTags");
pub(crate) const LIST_ACCESS_KEYS: Right = USERS.right("iam:ListAccessKeys");
pub(crate) const LIST_SERVICE_SPECIFIC_CREDENTIALS: Right = USERS.right("iam:ListServiceSpecificCredentials");
pub(crate) const LIST_SIGNING_CERTIFICATES: Right = USERS.right("iam:ListSigningCertificates");
pub(crate) const LIST_SSH_PUBLIC_KEYS: Right = USERS.right("iam:ListSSHPublicKeys");

const CREDENTIALS: On = On::new("Credentials", &["arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*"])
    .why("IAM knows no condition on the status: who may make a credential inactive may make it active.");
pub(crate) const UPDATE_ACCESS_KEY: Right = CREDENTIALS.right("iam:UpdateAccessKey");
pub(crate) const UPDATE_SERVICE_SPECIFIC_CREDENTIAL: Right = CREDENTIALS.right("iam:UpdateServiceSpecificCredential");
pub(crate) const UPDATE_SIGNING_CERTIFICATE: Right = CREDENTIALS.right("iam:UpdateSigningCertificate");
pub(crate) const UPDATE_SSH_PUBLIC_KEY: Right = CREDENTIALS.right("iam:UpdateSSHPublicKey");
