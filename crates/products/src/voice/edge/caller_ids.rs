//! Calls that ask for the code that proves a number.

use std::sync::Arc;

use ::store::{StoreError, Tx};
use base::ApiError;
use twiml::Fetched;
use twiml::voice;

use crate::resource::Refusal;
use crate::voice::caller_ids::{self, ADDRESS, Pressed, Validation};
use crate::voice::edge::Edge;
use crate::voice::engine::{Fetching, Input};
use crate::voice::model::CallKey;

/// An address that leads nowhere.
const BAD_ADDRESS: u32 = 11100;

fn document(body: String) -> Fetched {
    Fetched {
        status: 200,
        content_type: Some("text/xml".to_owned()),
        body: body.into_bytes(),
        url: ADDRESS.to_owned(),
    }
}

impl Edge {
    /// The document of a call that asks for a code, by what was pressed.
    pub(super) fn ask_code(&self, call: CallKey, fetching: Fetching, more: &voice::Params) {
        let digits = more.iter().find(|(name, _)| name == "Digits");
        let digits = digits.map(|(_, digits)| digits.as_str());
        let result = match self.shared.validations.pressed(call.sid, digits) {
            None => Err((BAD_ADDRESS, format!("'{ADDRESS}' is no address"))),
            Some(Pressed::Ask) => Ok(document(caller_ids::question())),
            Some(Pressed::Enough) => Ok(document(caller_ids::farewell(false))),
            Some(Pressed::Proved(validation)) => return self.prove(call, fetching, *validation),
        };
        self.desk.input(Input::Document { call: call.sid, fetching, result });
    }

    fn prove(&self, call: CallKey, fetching: Fetching, validation: Validation) {
        let (shared, desk) = (Arc::clone(&self.shared), self.desk.clone());
        tokio::spawn(async move {
            let context = Arc::clone(&shared.context);
            let unit = move |tx: &mut Tx<'_>| caller_ids::prove(tx, &context, call, &validation);
            let proved = shared.store.write::<_, Refusal, _>(unit).await.map_err(ApiError::from);
            let result = match proved {
                Ok(()) => Ok(document(caller_ids::farewell(true))),
                Err(error) => Err((error.code, error.message)),
            };
            desk.input(Input::Document { call: call.sid, fetching, result });
        });
    }

    /// A call ended, and the code was not pressed.
    pub(super) fn code_unknown(&self, call: CallKey, validation: Validation) {
        let (store, context) = (self.shared.store.clone(), Arc::clone(&self.shared.context));
        tokio::spawn(async move {
            let unit = move |tx: &mut Tx<'_>| caller_ids::fail(tx, &context, call, &validation);
            if let Err(error) = store.write::<_, StoreError, _>(unit).await {
                tracing::warn!(%error, "the end of a verification could not be told");
            }
        });
    }
}
