//! Entities.

use std::sync::Arc;

use ::store::{StoreError, Tx};
use base::ApiError;

use super::{Target, entity_view, service_of};
use crate::accounts::store_error;
use crate::gateway::page::{Paging, v1};
use crate::gateway::{ApiResult, Call, Response};
use crate::resource::Refusal;
use crate::verify::factors::rules::{self, code};
use crate::verify::factors::{Factors, store, told};

pub(super) async fn create(state: Arc<Factors>, call: Call) -> ApiResult {
    let target = Target::of(&call)?;
    let given = call.request.form.get("Identity").unwrap_or_default();
    let identity = rules::identity(given)?.to_owned();
    let root = target.root.clone();
    let unit = move |tx: &mut Tx<'_>| {
        service_of(tx, target.account, target.service)?.ok_or(target.missing)?;
        if store::find_entity(tx, target.account, target.service, &identity)?.is_some() {
            let text = format!("There is an entity with the identity '{identity}'");
            return Err(Refusal::from(ApiError::new(code::ENTITY_EXISTS, text)));
        }
        Ok(store::insert_entity(tx, target.account, target.service, &identity)?)
    };
    let entity = state.store.write(unit).await.map_err(ApiError::from)?;
    Ok(Response::created(&entity_view(&entity, &root)))
}

pub(super) async fn fetch(state: Arc<Factors>, call: Call) -> ApiResult {
    let target = Target::of(&call)?;
    let root = target.root.clone();
    let found = state.store.read(move |reader| target.entity(reader)).await;
    let entity = found.map_err(store_error)?.ok_or_else(|| call.request.not_found())?;
    Ok(Response::ok(&entity_view(&entity, &root)))
}

pub(super) async fn list(state: Arc<Factors>, call: Call) -> ApiResult {
    let (target, paging) = (Target::of(&call)?, Paging::of(&call.request)?);
    let (cursor, limit) = (paging.neighbour()?, paging.size + 1);
    let (account, service) = (target.account, target.service);
    let read = state.store.read(move |reader| {
        if service_of(reader, account, service)?.is_none() {
            return Ok::<_, StoreError>(None);
        }
        store::list_entities(reader, account, service, cursor, limit).map(Some)
    });
    let entities = read.await.map_err(store_error)?.ok_or(target.missing)?;
    let view = |entity: &_| entity_view(entity, &target.root);
    let page = paging.page(entities, |entity| entity.sid.to_string(), view);
    Ok(Response::ok(&v1(&call.request, &paging, "entities", page)))
}

pub(super) async fn delete(state: Arc<Factors>, call: Call) -> ApiResult {
    let target = Target::of(&call)?;
    let outbox = Arc::clone(&state.outbox);
    let unit = move |tx: &mut Tx<'_>| {
        let entity = target.entity(tx)?.ok_or(target.missing)?;
        /// Factors removed together.
        const TOGETHER: u32 = 100;
        loop {
            let factors = store::list_factors(tx, entity.sid, None, TOGETHER)?;
            if factors.is_empty() {
                break;
            }
            for mut factor in factors {
                store::delete_factor(tx, &mut factor)?;
                told::factor(tx, &outbox, "factor.deleted", &factor)?;
            }
        }
        store::delete_challenges(tx, entity.sid)?;
        store::delete_entity(tx, &entity)?;
        Ok::<_, Refusal>(())
    };
    state.store.write(unit).await.map_err(ApiError::from)?;
    Ok(Response::deleted())
}
