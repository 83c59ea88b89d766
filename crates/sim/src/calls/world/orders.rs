//! What the API wants: calls are made and changed, at any moment.

use base::{CallSid, ConferenceSid, E164, Sid as _};
use products::voice::engine::{Input, Order, RoomOrder, SeatChange};
use products::voice::model::{CallKey, Direction, Hook, Plan, RecordPlan, Status};
use products::voice::recordings::{self, New};
use products::voice::rules::Callee;
use products::voice::store;
use products::voice::work::{self, Draft};

use super::{Killed, World};
use crate::calls::{documents, far};
use crate::world::{TENANTS, account};

impl World {
    /// The API makes a call.
    pub(super) fn make(&mut self) -> Result<(), Killed> {
        if self.node.is_none() {
            return Ok(());
        }
        let (tenant, from) = TENANTS[self.random.below(2) as usize];
        let to = match self.random.chance(700) {
            true => E164::parse(&far::number(&mut self.random)).map(Callee::Number),
            false => Ok(Callee::Sip(far::sip_address(&mut self.random))),
        };
        let Ok(to) = to else { return Ok(()) };
        let twiml =
            self.random.chance(300).then(|| documents::document(&mut self.random, self.theme));
        let url = (twiml.is_none()).then(|| self.hook("voice"));
        let random = &mut self.random;
        let plan = Plan {
            url,
            twiml,
            timeout_s: 3 + random.below(60) as u32,
            time_limit_s: random.chance(200).then(|| 5 + random.below(60) as u32),
            send_digits: random.chance(200).then(|| "1w2".to_owned()),
            ..Plan::default()
        };
        let record = self.random.chance(200).then(|| self.record_plan());
        let draft = Draft {
            account: account(tenant),
            trial: false,
            direction: Direction::OutboundApi,
            parent: None,
            from: from.to_owned(),
            passes_caller: false,
            to,
            plan: Plan { record, ..plan },
            callback: self.callback(),
        };
        let accepted = self.commit(|tx, context| work::accept(tx, context, &draft))?;
        let Ok((record, plan)) = accepted else { return Ok(()) };
        self.known.insert(record.key, self.life);
        if let Some(node) = self.node.as_mut() {
            node.pace.queue(record, plan);
        }
        Ok(())
    }

    fn hook(&mut self, path: &str) -> Hook {
        let url = format!("{}/{path}", documents::application(&mut self.random));
        Hook { url, get: false }
    }

    fn record_plan(&mut self) -> RecordPlan {
        let events = ["in-progress", "completed", "absent"].map(str::to_owned).to_vec();
        RecordPlan {
            dual: self.random.chance(500),
            track: "both".to_owned(),
            trim: false,
            callback: Some(self.hook("recording")),
            events,
        }
    }

    /// The API changes a call or a conference that may live.
    pub(super) fn order(&mut self) -> Result<(), Killed> {
        let Some(node) = self.node.as_ref() else { return Ok(()) };
        if node.engine.calls() == 0 {
            return Ok(());
        }
        let keys: Vec<CallKey> = self.known.keys().copied().collect();
        let open: Vec<CallKey> = keys
            .into_iter()
            .filter(|key| {
                let found = self.ledger.read(|reader| store::find(reader, *key));
                found.is_ok_and(|found| found.is_some_and(|call| !call.status.is_final()))
            })
            .collect();
        if open.is_empty() {
            return Ok(());
        }
        let key = open[self.random.below(open.len() as u64) as usize];
        match self.random.below(8) {
            0 | 1 => self.hang_up(key),
            2 | 3 => {
                let found = self.ledger.read(|reader| store::find(reader, key));
                let status = found.ok().flatten().map(|call| call.status);
                let start = self.start();
                // The API looks at the row, which may be behind.
                if status == Some(Status::InProgress) || self.random.chance(100) {
                    self.ordered(Input::Order(key.sid, Order::Redirect(start)));
                }
            }
            4 => {
                let limit = 1 + self.random.below(60) as u32;
                self.ordered(Input::Order(key.sid, Order::TimeLimit(limit)));
            }
            5 => return self.record(key),
            _ => self.conference(key.sid),
        }
        Ok(())
    }

    fn hang_up(&mut self, key: CallKey) {
        let found = self.ledger.read(|reader| store::find(reader, key));
        let status = found.ok().flatten().map(|call| call.status);
        let unanswered_only = self.random.chance(300);
        let waits = status == Some(Status::Queued) && self.call_back(key.sid);
        if !waits {
            self.ordered(Input::Order(key.sid, Order::Hangup { unanswered_only }));
        }
    }

    fn record(&mut self, key: CallKey) -> Result<(), Killed> {
        let found = self.ledger.read(|reader| store::find(reader, key));
        let status = found.ok().flatten().map(|call| call.status);
        if status != Some(Status::InProgress) {
            return Ok(());
        }
        let plan = self.record_plan();
        let new = New {
            account: key.account,
            call: Some(key.sid),
            conference: None,
            name: None,
            source: "StartCallRecordingAPI",
            plan: plan.clone(),
        };
        let begun = self.commit(|tx, context| recordings::begin(tx, context, &new))?;
        let name = media::RecordingId(begun.name);
        self.ordered(Input::Order(key.sid, Order::Record(plan, name)));
        if self.random.chance(500) {
            self.ordered(Input::Order(key.sid, Order::StopRecording(name)));
        }
        Ok(())
    }

    fn conference(&mut self, call: CallSid) {
        let sql = "SELECT sid FROM conferences WHERE status < 2 ORDER BY sid";
        let read = |reader: &mut ::store::Reader<'_>| {
            ::store::Query::rows(reader, sql, &[], |row| row.bytes16(0))
        };
        let open = self.ledger.read(read).unwrap_or_default();
        let Some(first) = open.first() else { return };
        let conference = ConferenceSid::from_bytes(*first);
        let hook = self.hook("announce");
        let input = match self.random.below(6) {
            0 => Input::Conference(conference, RoomOrder::End),
            1 => Input::Conference(conference, RoomOrder::Announce(hook)),
            2 => Input::Order(call, Order::Kick(conference)),
            3 => {
                let change = SeatChange { announce: Some(hook), ..SeatChange::default() };
                Input::Order(call, Order::Seat(conference, Box::new(change)))
            }
            other => {
                let change = SeatChange {
                    hold: Some(other == 4),
                    muted: Some(self.random.chance(500)),
                    ..SeatChange::default()
                };
                Input::Order(call, Order::Seat(conference, Box::new(change)))
            }
        };
        self.ordered(input);
    }
}
