//! The route table: method and path to a handler and the permission that it needs.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use base::ApiError;
use http::Method;

use crate::accounts::{Caller, Permission};
use crate::gateway::{ApiResult, Call, Request};

/// A running handler.
pub type Answering = Pin<Box<dyn Future<Output = ApiResult> + Send>>;

/// The admission of a device under way.
pub type Admitting = Pin<Box<dyn Future<Output = Result<Caller, ApiError>> + Send>>;

/// Lets in callers that have no credentials of an account; `None` for everybody else.
pub(crate) type Admit = Box<dyn Fn(&Request) -> Option<Admitting> + Send + Sync>;

/// What stands behind one method of one path.
pub(crate) enum Endpoint {
    /// Needs a caller with the permission.
    Guarded(Permission, Box<dyn Fn(Call) -> Answering + Send + Sync>),
    /// The same, and open to devices that its product admits.
    Devices(Permission, Admit, Box<dyn Fn(Call) -> Answering + Send + Sync>),
    /// Open to everybody: health, and media behind unguessable addresses.
    Open(Box<dyn Fn(Request) -> Answering + Send + Sync>),
}

/// Every route of one installation, by product.
#[derive(Default)]
pub struct Routes {
    products: HashMap<&'static str, matchit::Router<usize>>,
    paths: Vec<Vec<(Method, Arc<Endpoint>)>>,
    known: HashMap<(&'static str, String), usize>,
    listed: Vec<(Method, &'static str, String, Option<Permission>)>,
}

/// The outcome of a look-up.
pub(crate) enum Found {
    /// An endpoint and the values of the path's segments.
    Endpoint(Arc<Endpoint>, Vec<(String, String)>),
    /// The path exists, but not with this method.
    WrongMethod,
    /// No such path.
    Nothing,
}

impl Routes {
    /// Adds a route whose handler gets the product's state and the call.
    pub fn on<S, F, A>(
        &mut self,
        product: &'static str,
        method: Method,
        path: &str,
        permission: Permission,
        state: &Arc<S>,
        handler: F,
    ) where
        S: Send + Sync + 'static,
        F: Fn(Arc<S>, Call) -> A + Send + Sync + 'static,
        A: Future<Output = ApiResult> + Send + 'static,
    {
        let state = Arc::clone(state);
        let endpoint = Endpoint::Guarded(
            permission,
            Box::new(move |call| Box::pin(handler(Arc::clone(&state), call))),
        );
        self.listed.push((method.clone(), product, path.to_owned(), Some(permission)));
        self.add(product, method, path, endpoint);
    }

    /// The same for a route that is open to devices as well, which `admit` knows.
    #[allow(clippy::too_many_arguments)]
    pub fn on_devices<S, F, A>(
        &mut self,
        product: &'static str,
        method: Method,
        path: &str,
        permission: Permission,
        state: &Arc<S>,
        admit: fn(&Arc<S>, &Request) -> Option<Admitting>,
        handler: F,
    ) where
        S: Send + Sync + 'static,
        F: Fn(Arc<S>, Call) -> A + Send + Sync + 'static,
        A: Future<Output = ApiResult> + Send + 'static,
    {
        let (own, state) = (Arc::clone(state), Arc::clone(state));
        let endpoint = Endpoint::Devices(
            permission,
            Box::new(move |request| admit(&own, request)),
            Box::new(move |call| Box::pin(handler(Arc::clone(&state), call))),
        );
        self.listed.push((method.clone(), product, path.to_owned(), Some(permission)));
        self.add(product, method, path, endpoint);
    }

    /// Adds a route that needs no credentials.
    pub fn open<S, F, A>(
        &mut self,
        product: &'static str,
        method: Method,
        path: &str,
        state: &Arc<S>,
        handler: F,
    ) where
        S: Send + Sync + 'static,
        F: Fn(Arc<S>, Request) -> A + Send + Sync + 'static,
        A: Future<Output = ApiResult> + Send + 'static,
    {
        let state = Arc::clone(state);
        let endpoint =
            Endpoint::Open(Box::new(move |request| Box::pin(handler(Arc::clone(&state), request))));
        self.listed.push((method.clone(), product, path.to_owned(), None));
        self.add(product, method, path, endpoint);
    }

    /// Every route with its permission (`None`: open): what the strangers-are-refused test walks.
    pub fn listed(&self) -> &[(Method, &'static str, String, Option<Permission>)] {
        &self.listed
    }

    /// Whether there is a route for an operation, whose path has names in braces.
    #[cfg(test)]
    pub(crate) fn has(&self, product: &str, method: &Method, path: &str) -> bool {
        matches!(self.find(product, method, path), Found::Endpoint(..))
    }

    fn add(&mut self, product: &'static str, method: Method, path: &str, endpoint: Endpoint) {
        let key = (product, path.to_owned());
        let index = *self.known.entry(key).or_insert_with(|| {
            let index = self.paths.len();
            self.paths.push(Vec::new());
            let router = self.products.entry(product).or_default();
            if let Err(error) = router.insert(path, index) {
                // Two products claim one path: a mistake of the registry, found at start.
                panic!("route {path} of {product}: {error}");
            }
            index
        });
        self.paths[index].push((method, Arc::new(endpoint)));
    }

    /// Finds the endpoint of a request. A `.json` at the end of the path is not part of it.
    pub(crate) fn find(&self, product: &str, method: &Method, path: &str) -> Found {
        let path = path.strip_suffix(".json").unwrap_or(path);
        let Some(router) = self.products.get(product) else { return Found::Nothing };
        let Ok(matched) = router.at(path) else { return Found::Nothing };
        let methods = &self.paths[*matched.value];
        let Some((_, endpoint)) = methods.iter().find(|(known, _)| known == method) else {
            return Found::WrongMethod;
        };
        let segments =
            matched.params.iter().map(|(key, value)| (key.to_owned(), decode(value))).collect();
        Found::Endpoint(Arc::clone(endpoint), segments)
    }
}

fn decode(segment: &str) -> String {
    percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned()
}
