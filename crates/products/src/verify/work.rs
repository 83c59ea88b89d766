//! Units of work of verifications: what happens inside a commit.

use std::sync::Arc;
use std::time::Duration;

use ::store::job::{self, Job};
use ::store::{StoreError, Tx};
use base::{AccountSid, ApiError};
use serde_json::{Value, json};

use crate::accounts::Account;
use crate::resource::{Document, Refusal};
use crate::verify::channels::{self, Carried, Parcel};
use crate::verify::guard;
use crate::verify::model::{Attempt, Kind, Start, Status, Verification, verification_sid};
use crate::verify::templates::{self, Words};
use crate::verify::{Verify, code, limits, resources, rules, sms, store, told};

/// The job that ends a verification when its time runs out.
pub const EXPIRE_JOB: &str = "verify.expire";

/// The job that ends what runs at a service that is gone.
pub const END_JOB: &str = "verify.service_gone";

/// What a unit answers; a refusal inside is committed with what was written down of it.
pub type Answer<T> = Result<Result<T, ApiError>, Refusal>;

/// A verification with its attempts, as it is shown.
pub type Shown = (Verification, Vec<Attempt>);

impl Verify {
    /// Begins a verification, or sends the code of the running one again.
    pub(super) fn start(
        &self,
        tx: &mut Tx<'_>,
        account: &Account,
        start: &Start,
        seed: [u8; 32],
    ) -> Answer<Shown> {
        let Some(service) = resources::service(tx, account.sid, start.service)? else {
            return Err(ApiError::not_found("/Services").into());
        };
        rules::custom_code(start.custom_code.as_deref(), service.flag("CustomCodeEnabled"))?;
        let (amount, payee) = (start.amount.as_deref(), start.payee.as_deref());
        let payment = rules::payment(service.flag("Psd2Enabled"), amount, payee)?;
        let order = service.text("FallbackOrder");
        let skips = start.line.is_landline() && service.flag("SkipSmsToLandlines");
        let mut there = self.there(&service);
        if skips && start.channel.is_none() {
            there = rules::without_texts(there)?;
        }
        let mut plan = channels::plan(start.channel, order, &there)?;
        if skips {
            plan = rules::without_texts(plan)?;
        }
        if let Err(refused) = limits::take(self, tx, &service, &start.limits)? {
            return Ok(Err(refused));
        }
        let running = match store::claim(tx, start.service, &start.target)? {
            Some(sid) => store::find(tx, account.sid, sid)?,
            None => None,
        };
        let running = match running {
            Some(old) if rules::is_over(&old, tx.now()) => {
                self.run_out(tx, &old)?;
                store::claim(tx, start.service, &start.target)?;
                None
            }
            running => running,
        };
        running.as_ref().map(rules::send_again).transpose()?;
        if let Err(refused) = guard::ask(self, tx, &service, start)? {
            store::give_back(tx, start.service, &start.target)?;
            return Ok(Err(refused));
        }
        let same = |old: &Verification| {
            let own = start.custom_code.as_ref();
            old.payment == payment && own.is_none_or(|own| self.codes.fits(old, own))
        };
        let verification = match running {
            Some(old) if same(&old) => old,
            old => self.begin(tx, &service, start, (payment, seed, plan[0]), old)?,
        };
        self.deliver(tx, (account, &service), verification, start, &plan)
    }

    /// The channels that a service may use.
    pub(super) fn there(&self, service: &Document) -> Vec<Kind> {
        let mut there = self.channels.available();
        there.retain(|kind| *kind != Kind::Call || resources::may_call(service));
        there
    }

    /// Writes a new verification. One that takes another's place, as it is about something else,
    /// goes on with its counts.
    fn begin(
        &self,
        tx: &mut Tx<'_>,
        service: &Document,
        start: &Start,
        (payment, seed, channel): (Option<(String, String)>, [u8; 32], Kind),
        old: Option<Verification>,
    ) -> Result<Verification, Refusal> {
        if let Some(old) = &old {
            self.finish(tx, old, Status::Canceled)?;
            store::claim(tx, start.service, &start.target)?;
        }
        let now = tx.now();
        let length = service.int("CodeLength").unwrap_or(6);
        let made = || code::digits(seed, usize::try_from(length).unwrap_or(6));
        let code = start.custom_code.clone().unwrap_or_else(made);
        let lives = u64::try_from(service.int("CodeTtl").unwrap_or(600)).unwrap_or(600);
        let sid = base::Sid::bytes(tx.new_sid::<base::EventSid>());
        let country = sms::country_of(&start.target);
        let locale = templates::locale(start.locale.as_deref(), &country)?;
        let mut new = Verification {
            sid,
            account: service.account,
            service: start.service,
            target: start.target.clone(),
            country,
            channel,
            status: Status::Pending,
            sends: old.as_ref().map_or(0, |old| old.sends),
            checks: old.as_ref().map_or(0, |old| old.checks),
            created_at: now,
            updated_at: now,
            expires_at: now + Duration::from_secs(lives),
            event: (0, 0),
            kept: Some(self.codes.keep(tx.random(), sid, &code)),
            length: i64::try_from(code.len()).unwrap_or_default(),
            payment,
            locale: locale.to_owned(),
            tags: start.tags.clone(),
            lookup: start.line.shown.as_ref().map(Value::to_string),
        };
        new.event = told::note(tx, &new, Status::Pending, told::streamed(service))?;
        store::insert(tx, &new)?;
        store::occupy(tx, &new)?;
        let payload = json!({ "verification": verification_sid(sid).to_string() }).to_string();
        job::add(tx, new.account, EXPIRE_JOB, new.expires_at, &payload)?;
        told::tell(&self.outbox, tx, &new, Status::Pending)?;
        Ok(new)
    }

    /// Sends the code by the first channel of the plan that takes it.
    pub(super) fn deliver(
        &self,
        tx: &mut Tx<'_>,
        (account, service): (&Account, &Document),
        mut verification: Verification,
        start: &Start,
        plan: &[Kind],
    ) -> Answer<Shown> {
        if start.locale.is_some() {
            let locale = templates::locale(start.locale.as_deref(), &verification.country)?;
            verification.locale = locale.to_owned();
        }
        let mut refused = None;
        for kind in plan {
            match self.carry(tx, (account, service), &verification, start, *kind)? {
                Ok(carried) => {
                    verification.sends += 1;
                    verification.channel = *kind;
                    verification.updated_at = tx.now();
                    store::sent_again(tx, &verification)?;
                    self.attempted(tx, &verification, &carried)?;
                    guard::sent(self, tx, account.sid, start)?;
                    let attempts = store::attempts_of(tx, verification.sid)?;
                    return Ok(Ok((verification, attempts)));
                }
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        // Nothing was sent: nothing is written.
        Err(refused.unwrap_or_else(ApiError::internal).into())
    }

    fn carry(
        &self,
        tx: &mut Tx<'_>,
        (account, service): (&Account, &Document),
        verification: &Verification,
        start: &Start,
        kind: Kind,
    ) -> Result<Result<Carried, ApiError>, Refusal> {
        let Some(channel) = self.channels.find(kind) else { return Ok(Err(ApiError::internal())) };
        let code = verification.kept.as_ref().and_then(|kept| self.codes.open(kept));
        let code = code.ok_or(StoreError::Corrupt("the code of a verification does not open"))?;
        let lives = verification.expires_at.since(tx.now());
        let own = Some(&*verification.locale).filter(|locale| channel.speaks(locale));
        let locale = own.unwrap_or(templates::ENGLISH);
        let (text, words) = words(service, verification, start, (&code, locale, lives))?;
        let called = start.name.as_deref().or(rules::spoken_name(service.given("TtsName")));
        let heard = Words { friendly_name: called.unwrap_or(words.friendly_name), ..words };
        let (before, after) = templates::around(&text, &heard);
        let parcel = Parcel {
            account,
            service,
            to: &verification.target,
            country: &verification.country,
            words: &templates::fill(&text, &words),
            around: (&before, &after),
            press_a_key: &templates::around(templates::press_a_key(locale), &heard).0,
            code: &code,
            locale,
            lives,
            send_digits: start.send_digits.as_deref(),
        };
        Ok(channel.carry(tx, &parcel)?)
    }

    fn attempted(
        &self,
        tx: &mut Tx<'_>,
        verification: &Verification,
        carried: &Carried,
    ) -> Result<(), StoreError> {
        let now = tx.now();
        let attempt = Attempt {
            sid: base::Sid::bytes(tx.new_sid::<base::EventSid>()),
            account: verification.account,
            service: verification.service,
            verification: verification.sid,
            channel: verification.channel,
            target: verification.target.clone(),
            country: verification.country.clone(),
            created_at: now,
            updated_at: now,
            status: carried.status.to_owned(),
            error: i64::from(carried.error),
            carried: carried.key,
            converted: false,
            price: carried.price,
            locale: verification.locale.clone(),
            length: verification.length,
        };
        store::insert_attempt(tx, &attempt)
    }

    /// Checks a code. The try is counted before it is looked at.
    pub(super) fn check(
        &self,
        tx: &mut Tx<'_>,
        account: AccountSid,
        sid: [u8; 16],
        given: (&str, Option<(String, String)>),
    ) -> Answer<Verification> {
        let gone = || Ok(Err(ApiError::not_found("/VerificationCheck")));
        let counted = store::count_check(tx, sid, rules::CHECKS_MAX)?;
        let Some(verification) = store::find(tx, account, sid)? else { return gone() };
        if !counted {
            if rules::is_over(&verification, tx.now()) {
                self.run_out(tx, &verification)?;
                return gone();
            }
            let spent = verification.status == Status::MaxAttempts;
            return if spent { Err(rules::too_many_checks().into()) } else { gone() };
        }
        let (code, payment) = given;
        let fits = self.codes.fits(&verification, code) && verification.payment == payment;
        match fits {
            true => self.finish(tx, &verification, Status::Approved)?,
            false if verification.checks >= rules::CHECKS_MAX => {
                self.finish(tx, &verification, Status::MaxAttempts)?;
            }
            false => {}
        }
        Ok(Ok(store::find(tx, account, sid)?.unwrap_or(verification)))
    }

    /// Approves or cancels from outside.
    pub(super) fn set(
        &self,
        tx: &mut Tx<'_>,
        account: AccountSid,
        sid: [u8; 16],
        status: Status,
    ) -> Answer<Shown> {
        let gone = || Ok(Err(ApiError::not_found("/Verifications")));
        store::hold(tx, sid)?;
        let Some(verification) = store::find(tx, account, sid)? else { return gone() };
        if rules::is_over(&verification, tx.now()) {
            self.run_out(tx, &verification)?;
            return gone();
        }
        let spent = verification.status == Status::MaxAttempts && status == Status::Canceled;
        if verification.status != Status::Pending && !spent {
            return gone();
        }
        self.finish(tx, &verification, status)?;
        let found = store::find(tx, account, sid)?.unwrap_or(verification);
        let attempts = store::attempts_of(tx, sid)?;
        Ok(Ok((found, attempts)))
    }

    /// Ends a verification: its code is destroyed, and what was said is redacted as far as it is
    /// no longer on its way.
    pub(super) fn finish(
        &self,
        tx: &mut Tx<'_>,
        verification: &Verification,
        status: Status,
    ) -> Result<(), Refusal> {
        let service = resources::service(tx, verification.account, verification.service)?;
        let streamed = service.as_ref().is_some_and(told::streamed);
        let event = told::note(tx, verification, status, streamed)?;
        store::end(tx, verification.sid, status, event)?;
        // Who guessed too often stays in the place until the time has run out.
        if status != Status::MaxAttempts {
            store::vacate(tx, verification)?;
        }
        if status == Status::Approved {
            store::convert(tx, verification.sid)?;
            guard::converted(tx, verification)?;
        }
        let ended = Verification { event, ..verification.clone() };
        told::tell(&self.outbox, tx, &ended, status)?;
        for attempt in store::attempts_of(tx, verification.sid)? {
            if let Some(channel) = self.channels.find(attempt.channel) {
                // What is on its way still is redacted by the job that hears of its end.
                channel.redact(tx, attempt.account, attempt.carried)?;
            }
        }
        Ok(())
    }

    /// A verification's time has run out.
    fn run_out(&self, tx: &mut Tx<'_>, verification: &Verification) -> Result<(), Refusal> {
        if verification.status == Status::Pending {
            let attempts = store::attempts_of(tx, verification.sid)?;
            let statuses: Vec<&str> = attempts.iter().map(|attempt| &*attempt.status).collect();
            return self.finish(tx, verification, rules::at_the_end(&statuses));
        }
        Ok(store::vacate(tx, verification)?)
    }

    /// The job of a service that is gone: what runs there ends.
    pub(super) async fn end_all(self: Arc<Self>, job: Job) -> Result<(), StoreError> {
        let Some(service) = named(&job, "service") else { return Ok(()) };
        let ending = self.unit(move |verify, tx| {
            for sid in store::running_at(tx, service)? {
                store::hold(tx, sid)?;
                match store::find(tx, job.account, sid)? {
                    Some(found) if found.status == Status::Pending => {
                        verify.finish(tx, &found, Status::Deleted)?;
                    }
                    Some(found) => store::vacate(tx, &found)?,
                    None => {}
                }
            }
            Ok(())
        });
        ending.await
    }

    /// The job of a verification whose time may have run out.
    pub(super) async fn expire(self: Arc<Self>, job: Job) -> Result<(), StoreError> {
        let Some(sid) = named(&job, "verification") else { return Ok(()) };
        let ending = self.unit(move |verify, tx| {
            store::hold(tx, sid)?;
            match store::find(tx, job.account, sid)? {
                Some(found) if rules::is_over(&found, tx.now()) => verify.run_out(tx, &found),
                _ => Ok(()),
            }
        });
        ending.await
    }

    pub(super) async fn unit(
        self: &Arc<Self>,
        work: impl FnOnce(&Self, &mut Tx<'_>) -> Result<(), Refusal> + Send + 'static,
    ) -> Result<(), StoreError> {
        let verify = Arc::clone(self);
        match self.store.write(move |tx: &mut Tx<'_>| work(&verify, tx)).await {
            Ok(()) => Ok(()),
            Err(Refusal::Store(error)) => Err(error),
            Err(Refusal::Api(error)) => {
                tracing::error!(code = error.code, "a job of verify was refused");
                Err(StoreError::Corrupt("a job of verify was refused"))
            }
        }
    }
}

/// The SID that a job's payload names.
pub(super) fn named(job: &Job, name: &str) -> Option<[u8; 16]> {
    let payload: Value = serde_json::from_str(&job.payload).unwrap_or_default();
    let sid: base::AnySid = payload[name].as_str()?.parse().ok()?;
    Some(sid.bytes)
}

/// The text that carries a code, with its places open, and what they are filled with.
fn words<'a>(
    service: &'a Document,
    verification: &'a Verification,
    start: &'a Start,
    (code, locale, lives): (&'a str, &str, Duration),
) -> Result<(String, Words<'a>), ApiError> {
    let chosen = start.template.as_deref().or(service.given("DefaultTemplateSid"));
    let template = templates::find(chosen)?;
    let warning = service.flag("DoNotShareWarningEnabled");
    let payment = verification.payment.as_ref();
    let text = template.text(locale, warning, payment.is_some());
    let words = Words {
        code,
        friendly_name: start.name.as_deref().unwrap_or(service.text("FriendlyName")),
        ttl: lives.as_secs().div_ceil(60),
        payment: payment.map(|(amount, payee)| (amount.as_str(), payee.as_str())),
        app_hash: start.app_hash.as_deref(),
        domain: service.given("WebOtpDomain"),
    };
    Ok((text, words))
}
