//! People who sign in to the console with a password.

use ::store::{StoreError, Tx};
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Argon2, Params, Version};
use base::AccountSid;

use crate::accounts::{Accounts, store};

/// The shortest password that is taken.
pub const PASSWORD_MIN: usize = 12;

/// Why somebody can't be added.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The address has no `@`, or is too long.
    #[error("'{0}' is not an address like anna@example.com")]
    Address(String),
    /// The password is too short.
    #[error("a password has at least {PASSWORD_MIN} characters")]
    Password,
    /// The password could not be hashed.
    #[error("the password could not be hashed: {0}")]
    Hash(argon2::password_hash::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Accounts {
    /// Lets a person sign in for an account, or gives them another password.
    pub async fn add_person(
        &self,
        account: AccountSid,
        email: &str,
        password: &str,
        salt: [u8; 16],
    ) -> Result<(), Refused> {
        let email = email.trim().to_lowercase();
        let shaped = email.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && host.contains('.') && email.len() <= 254
        });
        if !shaped {
            return Err(Refused::Address(email));
        }
        if password.chars().count() < PASSWORD_MIN {
            return Err(Refused::Password);
        }
        let hash = hash(password, salt).map_err(Refused::Hash)?;
        let unit = move |tx: &mut Tx<'_>| store::put_person(tx, &email, account, &hash);
        self.store.write(unit).await.map_err(Refused::Store)
    }
}

/// Argon2id, 19 MiB, two passes: the first choice of OWASP's password storage advice.
fn hasher() -> Argon2<'static> {
    Argon2::new(argon2::Algorithm::Argon2id, Version::V0x13, Params::default())
}

fn hash(password: &str, salt: [u8; 16]) -> Result<String, argon2::password_hash::Error> {
    let salt = SaltString::encode_b64(&salt)?;
    Ok(hasher().hash_password(password.as_bytes(), &salt)?.to_string())
}

/// Whether a password is the one that was kept. Without a kept one it takes as long, and is
/// wrong.
pub(super) fn verify(kept: Option<String>, password: &str) -> bool {
    let Some(kept) = kept else {
        return hash(password, [0; 16]).is_ok_and(|hash| hash.is_empty());
    };
    let Ok(kept) = PasswordHash::new(&kept) else { return false };
    hasher().verify_password(password.as_bytes(), &kept).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_right_or_wrong_and_never_empty_handed() {
        let kept = hash("correct horse battery", [3; 16]).expect("a hash");
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(verify(Some(kept.clone()), "correct horse battery"));
        assert!(!verify(Some(kept), "correct horse"));
        assert!(!verify(None, "correct horse battery"));
        assert!(!verify(Some("damaged".to_owned()), "x"));
    }
}
