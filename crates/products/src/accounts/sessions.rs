//! Sessions of people at the console. A cookie stands for a session as Basic credentials stand
//! for a program; a one-time link or a password begins one. The same permissions are asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::store::{StoreError, Tx};
use base::{AccountSid, ApiError, Instant, Secret};
use http::Method;
use ring::digest::{SHA256, digest};

use crate::accounts::{Account, Accounts, Principal, people, store, store_error};
use crate::gateway::Request;

/// How long a session lasts.
const SESSION_LASTS: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long a one-time link waits to be opened.
const LINK_LASTS: Duration = Duration::from_secs(24 * 60 * 60);

/// Wrong passwords for one name before it has to wait.
const WRONG_MAX: u32 = 10;

/// How long it then waits.
const WRONG_WAIT: Duration = Duration::from_secs(60);

/// The header that shows that a change was asked by the console's own page.
pub const CSRF_HEADER: &str = "x-trunkline-csrf";

/// Somebody at the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The account that they look after.
    pub account: AccountSid,
    /// Their address; `None` when they came by a link or by the account's own credentials.
    pub person: Option<String>,
    /// What a change has to carry in its header.
    pub csrf: String,
}

/// What a row of the table stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opens {
    /// A session, by its cookie.
    Session = 0,
    /// A session to come, by a link that opens once.
    Link = 1,
}

/// Wrong passwords of late, by name.
#[derive(Default)]
pub(super) struct Wrong(Mutex<HashMap<String, (Instant, u32)>>);

impl Wrong {
    /// Refuses a name that was tried too often.
    fn check(&self, name: &str, now: Instant) -> Result<(), ApiError> {
        let mut wrong = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.retain(|_, (at, _)| now.since(*at) < WRONG_WAIT);
        match wrong.get(name) {
            Some((_, count)) if *count >= WRONG_MAX => {
                let seconds = u32::try_from(WRONG_WAIT.as_secs()).unwrap_or(u32::MAX);
                Err(ApiError::too_many_requests(seconds))
            }
            _ => Ok(()),
        }
    }

    fn count(&self, name: &str, now: Instant) {
        let mut wrong = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = wrong.entry(name.to_owned()).or_insert((now, 0));
        *entry = (now, entry.1 + 1);
    }
}

impl Accounts {
    /// Makes a token that opens the console once, for an account.
    pub async fn make_link(&self, account: AccountSid) -> Result<Secret, StoreError> {
        let unit = move |tx: &mut Tx<'_>| open_door(tx, account, None, Opens::Link, LINK_LASTS);
        self.store.write(unit).await
    }

    /// Begins a session by a one-time link. `None` when it was opened before, or is too old.
    pub async fn follow_link(&self, token: &str) -> Result<Option<Secret>, StoreError> {
        let hash = hash_of(token);
        let unit = move |tx: &mut Tx<'_>| {
            let now = tx.now();
            let Some((account, person)) = store::door(tx, Opens::Link, &hash, now)? else {
                return Ok(None);
            };
            store::close_door(tx, &hash)?;
            open_door(tx, account, person, Opens::Session, SESSION_LASTS).map(Some)
        };
        self.store.write::<_, StoreError, _>(unit).await
    }

    /// Begins a session by a person's password, or by an account's own credentials.
    pub async fn sign_in(&self, user: &str, password: &str) -> Result<Secret, ApiError> {
        self.wrong.check(user, self.store.now())?;
        let found = match user.parse::<AccountSid>() {
            Ok(_) => {
                let opened = self.by_token(user, &Secret::new(password)).await;
                opened.ok().map(|(account, _)| (account.sid, None))
            }
            Err(_) => self.by_password(user, password).await?,
        };
        let Some((account, person)) = found else {
            self.wrong.count(user, self.store.now());
            return Err(ApiError::unauthorized());
        };
        let unit = move |tx: &mut Tx<'_>| {
            store::sweep_doors(tx)?;
            open_door(tx, account, person, Opens::Session, SESSION_LASTS)
        };
        self.store.write::<_, StoreError, _>(unit).await.map_err(store_error)
    }

    async fn by_password(
        &self,
        user: &str,
        password: &str,
    ) -> Result<Option<(AccountSid, Option<String>)>, ApiError> {
        let email = user.trim().to_lowercase();
        let wanted = email.clone();
        let read = self.store.read(move |reader| store::person(reader, &wanted));
        let found = read.await.map_err(store_error)?;
        let (account, kept) =
            found.map_or((None, None), |(account, kept)| (Some(account), Some(kept)));
        let password = password.to_owned();
        // Slow by design, and as slow for a name that nobody has.
        let checking = tokio::task::spawn_blocking(move || people::verify(kept, &password));
        let right = checking.await.unwrap_or(false);
        Ok(account.filter(|_| right).map(|account| (account, Some(email))))
    }

    /// Ends a session.
    pub async fn sign_out(&self, token: &str) -> Result<(), StoreError> {
        let hash = hash_of(token);
        self.sessions.write().unwrap_or_else(PoisonError::into_inner).remove(&hash);
        self.store.write(move |tx| store::close_door(tx, &hash)).await
    }

    /// The session that a request's cookie opens. A change must carry the session's mark besides:
    /// other sites can have a browser send the cookie, but can't know the mark.
    pub(super) async fn by_session(
        &self,
        request: &Request,
    ) -> Result<(Arc<Account>, Principal), ApiError> {
        let token = cookie(request).ok_or_else(ApiError::unauthorized)?;
        let session = self.session(token).await.map_err(store_error)?;
        let session = session.ok_or_else(ApiError::unauthorized)?;
        if request.method != Method::GET {
            let shown = Secret::new(request.header(CSRF_HEADER).unwrap_or_default());
            if shown != Secret::new(session.csrf.as_str()) {
                let text = format!("A change must carry the session's mark in {CSRF_HEADER}");
                return Err(ApiError::forbidden(text));
            }
        }
        let found = self.find(session.account).await.map_err(store_error)?;
        let account = found.ok_or_else(ApiError::unauthorized)?;
        Ok((account, Principal::Session(session)))
    }

    /// The running session with this token.
    pub async fn session(&self, token: &str) -> Result<Option<Arc<Session>>, StoreError> {
        let (hash, now) = (hash_of(token), self.store.now());
        if let Some(session) = super::recall(&self.sessions, hash, now) {
            return Ok(Some(session));
        }
        let read = self.store.read(move |reader| store::door(reader, Opens::Session, &hash, now));
        let Some((account, person)) = read.await? else { return Ok(None) };
        let session = Arc::new(Session { account, person, csrf: csrf_of(token) });
        let mut sessions = self.sessions.write().unwrap_or_else(PoisonError::into_inner);
        sessions.insert(hash, (now, Arc::clone(&session)));
        Ok(Some(session))
    }
}

fn open_door(
    tx: &mut Tx<'_>,
    account: AccountSid,
    person: Option<String>,
    opens: Opens,
    lasts: Duration,
) -> Result<Secret, StoreError> {
    let token = format!("{}{}", tx.random().token(), tx.random().token());
    let expires_at = tx.now() + lasts;
    store::insert_door(tx, opens, &hash_of(&token), account, person.as_deref(), expires_at)?;
    Ok(Secret::new(token))
}

/// The database keeps only this of a token.
fn hash_of(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

/// The mark of a session, made of its token: nothing more has to be kept.
fn csrf_of(token: &str) -> String {
    let mark = hash_of(&format!("csrf {token}"));
    mark[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The name of the session's cookie: cookies know no ports, and several installations may run
/// side by side on one machine.
pub fn cookie_name(request: &Request) -> String {
    let host = request.header("host").unwrap_or_default();
    let port = host.rsplit_once(':').map_or("", |(_, port)| port);
    match port.bytes().all(|digit| digit.is_ascii_digit()) {
        true => format!("trunkline{port}"),
        false => "trunkline".to_owned(),
    }
}

/// The session's token in a request's cookies.
pub fn cookie(request: &Request) -> Option<&str> {
    let name = cookie_name(request);
    let pairs = request.header("cookie")?.split(';');
    let mut named = pairs.filter_map(|pair| pair.trim().split_once('='));
    named.find_map(|(key, value)| (key == name).then_some(value))
}
