//! `cargo xtask facts FOLDER`: makes `crates/products/data/resources.tsv`, the table of Twilio's
//! resources, from its published OpenAPI documents. The table is in the repository; the documents
//! need not be.
//!
//! A line is `host path member type access`: the access is `r` for shown, `c` for settable at
//! creation, `u` for changeable.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::Outcome;

const TABLE: &str = "crates/products/data/resources.tsv";

/// Host, path of the list and member, to its type and access.
type Facts = BTreeMap<(String, String, String), (String, String)>;

pub(crate) fn run(arguments: &[String]) -> Outcome<()> {
    let folder = arguments.first().ok_or("usage: cargo xtask facts FOLDER_OF_OPENAPI_DOCUMENTS")?;
    let mut facts = Facts::new();
    let mut files: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    files.sort_by_key(std::fs::DirEntry::file_name);
    for file in files {
        let name = file.file_name().to_string_lossy().into_owned();
        if name.starts_with("twilio_") && name.ends_with(".json") {
            read(&serde_json::from_str(&std::fs::read_to_string(file.path())?)?, &mut facts);
        }
    }
    let mut table = String::new();
    for ((host, path, member), (form, access)) in &facts {
        let access = in_order(access);
        writeln!(table, "{host}\t{path}\t{member}\t{form}\t{access}")?;
    }
    std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(TABLE), table)?;
    Ok(())
}

/// Access as the table spells it, in whatever order a document's members were read.
fn in_order(access: &str) -> String {
    ['r', 'c', 'u'].into_iter().filter(|flag| access.contains(*flag)).collect()
}

/// Adds the resources of one document.
fn read(document: &Value, facts: &mut Facts) {
    let Some(paths) = document["paths"].as_object() else { return };
    for (path, item) in paths {
        let servers = [&item["servers"], &document["servers"]];
        let server = servers.into_iter().find_map(|servers| servers[0]["url"].as_str());
        let server = server.unwrap_or_default();
        let host = server.trim_start_matches("https://").split('.').next().unwrap_or_default();
        let full = path.strip_suffix(".json").unwrap_or(path);
        let (list, one) = match full.rsplit_once('/') {
            Some((list, last)) if last.starts_with('{') => (list, true),
            _ => (full, false),
        };
        let mut note = |name: &str, schema: &Value, access: char| {
            let key = (host.to_owned(), list.to_owned(), member(name));
            let known = facts.entry(key).or_insert_with(|| (form(document, schema), String::new()));
            if !known.1.contains(access) {
                known.1.push(access);
            }
        };
        for (method, operation) in item.as_object().into_iter().flatten() {
            let shown = one && method == "get" || !one && method == "post";
            for schema in answers(operation).filter(|_| shown) {
                each(document, schema, |name, schema| note(name, schema, 'r'));
            }
            if method == "post" {
                let access = if one { 'u' } else { 'c' };
                for content in operation["requestBody"]["content"].as_object().into_iter().flatten()
                {
                    each(document, &content.1["schema"], |name, schema| note(name, schema, access));
                }
            }
        }
    }
}

/// The schemas of an operation's good answers.
fn answers(operation: &Value) -> impl Iterator<Item = &Value> {
    let answers = operation["responses"].as_object().into_iter().flatten();
    answers.filter(|(status, _)| status.starts_with('2')).flat_map(|(_, answer)| {
        answer["content"].as_object().into_iter().flatten().map(|(_, content)| &content["schema"])
    })
}

/// Each property of an object's schema.
fn each(document: &Value, schema: &Value, mut note: impl FnMut(&str, &Value)) {
    let properties = resolve(document, schema)["properties"].as_object();
    for (name, schema) in properties.into_iter().flatten() {
        note(name, schema);
    }
}

fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap_or(schema),
        None => schema,
    }
}

/// A property's type, in a word.
fn form(document: &Value, schema: &Value) -> String {
    let schema = resolve(document, schema);
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
        return format!("enum:{}", words.join("|"));
    }
    let pattern = schema["pattern"].as_str().unwrap_or_default();
    if let Some(prefix) = pattern.strip_prefix('^').and_then(|rest| rest.split('[').next())
        && prefix.len() == 2
    {
        return format!("sid:{prefix}");
    }
    match (schema["type"].as_str(), schema["format"].as_str()) {
        (_, Some("uri")) => "uri".to_owned(),
        (_, Some("http-method")) => "method".to_owned(),
        (_, Some("phone-number")) => "phone".to_owned(),
        (_, Some(format)) if format.starts_with("date-time") => "instant".to_owned(),
        (Some(kind), _) => kind.to_owned(),
        (None, _) => "any".to_owned(),
    }
}

/// `SmsFallbackUrl` as JSON spells it: `sms_fallback_url`.
fn member(name: &str) -> String {
    let mut member = String::new();
    for (index, character) in name.chars().enumerate() {
        if character.is_ascii_uppercase() && index > 0 {
            member.push('_');
        }
        member.push(character.to_ascii_lowercase());
    }
    member
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_becomes_facts() {
        let document = serde_json::json!({
            "paths": {
                "/v1/Things.json": {
                    "servers": [{"url": "https://shop.twilio.com"}],
                    "post": {
                        "requestBody": {"content": {"form": {"schema": {"properties": {
                            "CallbackUrl": {"type": "string", "format": "uri"}}}}}},
                        "responses": {"201": {"content": {"json": {"schema": {"$ref": "#/s/thing"}}}}}
                    }
                },
                "/v1/Things/{Sid}.json": {
                    "servers": [{"url": "https://shop.twilio.com"}],
                    "get": {"responses": {"200": {"content": {"json": {"schema": {"$ref": "#/s/thing"}}}}}}
                }
            },
            "s": {"thing": {"properties": {
                "sid": {"type": "string", "pattern": "^TH[0-9a-f]{32}$"},
                "callback_url": {"type": "string", "format": "uri"}}}}
        });
        let mut facts = Facts::new();
        read(&document, &mut facts);
        let fact = |member: &str| {
            let key = ("shop".to_owned(), "/v1/Things".to_owned(), member.to_owned());
            facts.get(&key).map(|(form, access)| (form.as_str(), in_order(access)))
        };
        assert_eq!(fact("sid"), Some(("sid:TH", "r".to_owned())));
        assert_eq!(fact("callback_url"), Some(("uri", "rc".to_owned())));
    }
}
