//! Changes of accounts: subaccounts, their states, and tokens.

use ::store::{StoreError, Tx};
use base::{AccountSid, ApiError, Secret};

use serde_json::{Map, Value, json};

use crate::accounts::audit::{self, Actor};
use crate::accounts::{Account, Accounts, Credentials, Kind, Retention, Status, store};
use crate::resource::Refusal;

/// What else ends with a closed account, in the same transaction: products that hold something
/// for it name a function here.
pub type Closing = fn(&mut Tx<'_>, AccountSid) -> Result<(), Refusal>;

/// A subaccount cannot own subaccounts.
const NO_GRANDCHILDREN: u32 = 21101;
/// The status is none that an account can be given.
pub(crate) const BAD_STATUS: u32 = 21475;
/// A closed account stays closed.
const CLOSED: u32 = 21479;

/// What is asked of an account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Change {
    pub(crate) friendly_name: Option<String>,
    pub(crate) status: Option<Status>,
    pub(crate) at_most_once: Option<bool>,
    pub(crate) credit: Option<i64>,
    pub(crate) retention: Option<Retention>,
}

impl Accounts {
    /// Makes a subaccount, of its parent's kind.
    pub(crate) async fn create_subaccount(
        &self,
        parent: &Account,
        name: Option<String>,
        actor: Actor,
    ) -> Result<Account, ApiError> {
        if parent.parent.is_some() {
            let text = "A subaccount cannot own subaccounts; use the main account's credentials";
            return Err(ApiError::new(NO_GRANDCHILDREN, text));
        }
        let (master, owner, kind) = (self.master().clone(), parent.sid, parent.kind);
        let unit = move |tx: &mut Tx<'_>| {
            let token = Secret::new(tx.random().token());
            let credentials = Credentials { sid: tx.new_sid(), token };
            let made_at = tx.now().to_iso8601();
            let name = name.unwrap_or_else(|| format!("SubAccount Created at {made_at}"));
            store::insert(tx, &master, &credentials, Some(owner), kind, &name)?;
            let made = json!({ "friendly_name": { "previous": null, "updated": name } });
            let about = ("account", "created");
            audit::note(tx, &actor, owner, about, credentials.sid.into(), made)?;
            store::find(tx, &master, credentials.sid)?.ok_or(StoreError::Corrupt("no row").into())
        };
        self.store().write(unit).await.map_err(|refusal: Refusal| refusal.into())
    }

    /// Changes name or status. `by_parent` says whether the owner of the account asks.
    pub(crate) async fn change(
        &self,
        sid: AccountSid,
        by_parent: bool,
        change: Change,
        actor: Actor,
    ) -> Result<Account, ApiError> {
        let (master, closing) = (self.master().clone(), std::sync::Arc::clone(&self.closing));
        let unit = move |tx: &mut Tx<'_>| {
            let mut account = existing(store::find(tx, &master, sid)?)?;
            let before = shown(&account);
            if let Some(status) = change.status.filter(|status| *status != account.status) {
                account.status = allowed(&account, status, by_parent)?;
            }
            if let Some(name) = change.friendly_name {
                account.friendly_name = name;
            }
            account.at_most_once = change.at_most_once.unwrap_or(account.at_most_once);
            account.credit = change.credit.unwrap_or(account.credit);
            account.retention = change.retention.unwrap_or(account.retention);
            if change.status == Some(Status::Closed) {
                for close in &*closing {
                    close(tx, sid)?;
                }
            }
            store::save(tx, &master, &account, event_of(change.status))?;
            let changed = audit::differences(&before, &shown(&account));
            audit::note(tx, &actor, sid, ("account", "updated"), sid.into(), changed)?;
            Ok(existing(store::find(tx, &master, sid)?)?)
        };
        let changed = self.store().write(unit).await.map_err(|refusal: Refusal| refusal.into());
        self.forget(sid);
        changed
    }

    /// Gives an account a second token, in place of one that it may have had.
    pub(crate) async fn make_secondary_token(
        &self,
        sid: AccountSid,
        actor: Actor,
    ) -> Result<Account, ApiError> {
        self.change_tokens(sid, (actor, "created"), |tx, account| {
            account.secondary_token = Some(Secret::new(tx.random().token()));
            Ok(())
        })
        .await
    }

    /// Takes the second token away.
    pub(crate) async fn delete_secondary_token(
        &self,
        sid: AccountSid,
        actor: Actor,
        missing: ApiError,
    ) -> Result<Account, ApiError> {
        self.change_tokens(sid, (actor, "deleted"), move |_, account| {
            account.secondary_token.take().map(|_| ()).ok_or(missing)
        })
        .await
    }

    /// The second token becomes the first, and the first opens nothing any more.
    pub(crate) async fn promote_secondary_token(
        &self,
        sid: AccountSid,
        actor: Actor,
        missing: ApiError,
    ) -> Result<Account, ApiError> {
        let promoted = self
            .change_tokens(sid, (actor, "promoted"), move |_, account| {
                account.auth_token = account.secondary_token.take().ok_or(missing)?;
                Ok(())
            })
            .await?;
        (self.token_changed)(&Credentials { sid, token: promoted.auth_token.clone() });
        Ok(promoted)
    }

    async fn change_tokens<F>(
        &self,
        sid: AccountSid,
        (actor, happened): (Actor, &'static str),
        change: F,
    ) -> Result<Account, ApiError>
    where
        F: FnOnce(&mut Tx<'_>, &mut Account) -> Result<(), ApiError> + Send + 'static,
    {
        let master = self.master().clone();
        let unit = move |tx: &mut Tx<'_>| {
            let mut account = existing(store::find(tx, &master, sid)?)?;
            change(tx, &mut account)?;
            store::save(tx, &master, &account, store::TOKEN_CHANGED)?;
            audit::note(tx, &actor, sid, ("auth-token", happened), sid.into(), json!({}))?;
            Ok(existing(store::find(tx, &master, sid)?)?)
        };
        let changed = self.store().write(unit).await.map_err(|refusal: Refusal| refusal.into());
        self.forget(sid);
        changed
    }

    /// Every account of the installation: for the operator.
    pub async fn all(&self) -> Result<Vec<Account>, StoreError> {
        let master = self.master().clone();
        self.store().read(move |reader| store::all(reader, &master)).await
    }

    /// Makes an account a trial, or a full one: the operator's decision.
    pub async fn set_kind(&self, sid: AccountSid, kind: Kind) -> Result<(), Refusal> {
        let master = self.master().clone();
        let unit = move |tx: &mut Tx<'_>| {
            let mut account = existing(store::find(tx, &master, sid)?)?;
            account.kind = kind;
            store::save(tx, &master, &account, "accounts.account.updated")?;
            Ok(())
        };
        let outcome = self.store().write(unit).await;
        self.forget(sid);
        outcome
    }
}

/// What the audit trail shows of an account: no tokens.
fn shown(account: &Account) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("friendly_name".to_owned(), account.friendly_name.as_str().into());
    map.insert("status".to_owned(), account.status.name().into());
    map.insert("at_most_once".to_owned(), account.at_most_once.into());
    map.insert("credit".to_owned(), account.credit.into());
    map.insert("retain_messages".to_owned(), account.retention.messages.into());
    map.insert("retain_alerts".to_owned(), account.retention.alerts.into());
    map
}

fn existing(found: Option<Account>) -> Result<Account, ApiError> {
    found.ok_or_else(|| ApiError::not_found("account"))
}

/// Whether an account may pass to this status.
fn allowed(account: &Account, status: Status, by_parent: bool) -> Result<Status, ApiError> {
    if account.status == Status::Closed {
        let text = "A closed account cannot be opened again; create another subaccount";
        return Err(ApiError::new(CLOSED, text));
    }
    if !by_parent {
        let text = "Only the parent of a subaccount changes its status";
        return Err(ApiError::new(BAD_STATUS, text));
    }
    Ok(status)
}

fn event_of(status: Option<Status>) -> &'static str {
    match status {
        None => "accounts.account.updated",
        Some(Status::Active) => "accounts.account.activated",
        Some(Status::Suspended) => "accounts.account.suspended",
        Some(Status::Closed) => "accounts.account.closed",
    }
}
