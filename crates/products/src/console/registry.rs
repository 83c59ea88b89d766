//! The declared resources as the page needs them: from these facts it makes lists and forms.

use serde_json::{Value, json};

use crate::declared;
use crate::resource::{Field, Form, Resource};

/// Every declared resource.
pub(super) fn resources() -> Vec<Value> {
    declared().filter(|resource| !resource.operations.is_empty()).map(view).collect()
}

fn view(resource: &Resource) -> Value {
    // On the installation's own host the product is the path's first segment.
    let path = match resource.host {
        "api" => resource.path.to_owned(),
        host => format!("/{host}{}", resource.path),
    };
    let product = resource.events[0].split('.').next().unwrap_or_default();
    let operations: Vec<&str> = resource.operations.iter().map(|verb| verb.name()).collect();
    let fields = resource.fields.iter().filter(|field| !field.hidden).map(field);
    json!({
        "product": product,
        "kind": resource.kind,
        "title": resource.title,
        "prefix": resource.prefix,
        "path": path,
        "list_key": resource.list_key,
        "parent": resource.parent.map(|parent| parent.kind),
        "paging": if resource.is_newer() { "v1" } else { "2010" },
        "operations": operations,
        "fields": fields.collect::<Vec<_>>(),
        "filters": resource.filters,
    })
}

fn field(field: &Field) -> Value {
    let (form, choices, max): (&str, &[&str], Option<usize>) = match field.form {
        Form::Text(max) => ("text", &[], Some(max)),
        Form::Url => ("url", &[], None),
        Form::Method => ("method", &["POST", "GET"], None),
        Form::Bool => ("bool", &[], None),
        Form::Choice(words) => ("choice", words, None),
        Form::Sid(_) => ("sid", &[], None),
        Form::Phone => ("phone", &[], None),
        Form::Country => ("country", &[], None),
        Form::Int(..) => ("text", &[], Some(20)),
        Form::Json => ("json", &[], None),
    };
    json!({
        "name": field.name,
        "member": field.member(),
        "form": form,
        "choices": choices,
        "max": max,
        "create": field.create,
        "update": field.update,
        "required": field.required,
    })
}
