//! Our own OpenAPI document: every route that is mounted, with the fields of what is declared.
//! `GET /trunkline/openapi.json`.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::accounts::{Permission, Verb};
use crate::declared;
use crate::gateway::{Request, Response, Routes};
use crate::resource::{Field, Form, Resource};

/// Adds the route, when all others are there.
pub fn routes(routes: &mut Routes) {
    let document = Arc::new(Bytes::from(document(routes).to_string()));
    let show = |document: Arc<Bytes>, _: Request| async move {
        Ok(Response::json(StatusCode::OK, (*document).clone()))
    };
    routes.open("", Method::GET, "/trunkline/openapi", &document, show);
}

fn document(routes: &Routes) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for (method, product, path, permission) in routes.listed() {
        // Streams and pages are no operations, and the clock is not for others to turn.
        let skipped = path.contains("{*")
            || path.ends_with("/events")
            || path.contains("/Requests")
            || *path == "/"
            || path.starts_with("/console")
            || path.starts_with("/dev/clock");
        if skipped {
            continue;
        }
        let full = match *product {
            "api" => format!("{path}.json"),
            "" => path.clone(),
            product => format!("/{product}{path}"),
        };
        let item = paths.entry(full).or_insert_with(|| json!({}));
        item[method.as_str().to_ascii_lowercase()] = operation(method, product, path, *permission);
    }
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Trunkline",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Twilio's API on your own servers, and Trunkline's routes beside it.",
            "license": { "name": "Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "securitySchemes": { "basic": { "type": "http", "scheme": "basic" } },
            "schemas": { "Error": error() },
        },
        "security": [{ "basic": [] }],
    })
}

fn error() -> Value {
    json!({
        "type": "object",
        "required": ["code", "message", "more_info", "status"],
        "properties": {
            "code": { "type": "integer" },
            "message": { "type": "string" },
            "more_info": { "type": "string" },
            "status": { "type": "integer" },
        },
    })
}

fn operation(method: &Method, product: &str, path: &str, permission: Option<Permission>) -> Value {
    let list = declared().find(|resource| resource.host == product && resource.path == path);
    let one = path.rsplit_once('/').filter(|(_, last)| *last == "{Sid}").and_then(|(list, _)| {
        declared().find(|resource| resource.host == product && resource.path == list)
    });
    let mut parameters: Vec<Value> = path_parameters(path);
    let mut operation = Map::new();
    let verb = permission.map_or("get", |permission| permission.verb.name());
    let name = path.trim_matches('/').replace(['/', '{', '}', '-', '.'], "_");
    let method_name = method.as_str().to_ascii_lowercase();
    operation.insert("operationId".into(), format!("{method_name}_{verb}_{product}_{name}").into());
    if permission.is_some_and(|permission| permission.verb == Verb::List) {
        parameters
            .push(query("PageSize", json!({ "type": "integer", "minimum": 1, "maximum": 1000 })));
        let filters = list.map_or(&[][..], |resource| resource.filters);
        parameters.extend(filters.iter().map(|name| query(name, json!({ "type": "string" }))));
    }
    if *method == Method::POST {
        let body = match (list, one) {
            (Some(resource), _) => form(resource, |field| field.create),
            (None, Some(resource)) => form(resource, |field| field.update),
            (None, None) => {
                json!({ "type": "object", "additionalProperties": { "type": "string" } })
            }
        };
        let content = json!({ "application/x-www-form-urlencoded": { "schema": body } });
        operation.insert("requestBody".into(), json!({ "content": content }));
    }
    operation.insert("parameters".into(), parameters.into());
    if permission.is_none() {
        operation.insert("security".into(), json!([]));
    }
    let refused = json!({
        "description": "refused, with a code",
        "content": { "application/json": {
            "schema": { "$ref": "#/components/schemas/Error" },
        } },
    });
    operation.insert(
        "responses".into(),
        json!({
            "200": { "description": "done" },
            "201": { "description": "made" },
            "202": { "description": "taken" },
            "204": { "description": "removed" },
            "default": refused,
        }),
    );
    Value::Object(operation)
}

fn path_parameters(path: &str) -> Vec<Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameter = |name: &str| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } });
    names.map(parameter).collect()
}

fn query(name: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "query", "schema": schema })
}

fn form(resource: &Resource, settable: impl Fn(&Field) -> bool) -> Value {
    let fields = || resource.fields.iter().filter(|field| settable(field));
    let properties: Map<String, Value> =
        fields().map(|field| (field.name.to_owned(), schema(field.form))).collect();
    let required: Vec<&str> =
        fields().filter(|field| field.required).map(|field| field.name).collect();
    let mut form = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        form["required"] = required.into();
    }
    form
}

fn schema(form: Form) -> Value {
    match form {
        Form::Text(max) => json!({ "type": "string", "maxLength": max }),
        Form::Url => json!({ "type": "string", "format": "uri" }),
        Form::Method => json!({ "type": "string", "enum": ["GET", "POST"] }),
        Form::Bool => json!({ "type": "boolean" }),
        Form::Choice(words) => json!({ "type": "string", "enum": words }),
        Form::Sid(prefix) => json!({
            "type": "string",
            "pattern": format!("^{prefix}[0-9a-fA-F]{{32}}$"),
        }),
        Form::Phone => json!({ "type": "string", "pattern": "^\\+[1-9][0-9]{6,14}$" }),
        Form::Country => json!({ "type": "string", "pattern": "^[A-Z]{2}$" }),
        Form::Int(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Form::Json => json!({}),
    }
}
