//! SIP domains, lists and mappings over HTTP.

use http::Method;
use net::Body;
use serde_json::Value;

use crate::accounts::Credentials;
use crate::tests::house::House;

/// Asks as somebody, below their account's `SIP`.
async fn ask(
    house: &House,
    who: &Credentials,
    method: Method,
    path: &str,
    form: &str,
) -> (u16, Value) {
    let basic = format!("{}:{}", who.sid, who.token.expose());
    let basic = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, basic);
    let request = http::Request::builder()
        .method(method)
        .uri(format!("/2010-04-01/Accounts/{}/SIP{path}", house.owner.sid))
        .header("authorization", format!("Basic {basic}"))
        .header("content-type", "application/x-www-form-urlencoded");
    let answer = house.send(request, form).await;
    let status = answer.status().as_u16();
    let Body::Full(bytes) = answer.into_body() else { return (status, Value::Null) };
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

/// A request of the owner's that must go well.
async fn made(house: &House, path: &str, form: &str) -> Value {
    let (status, json) = ask(house, &house.owner, Method::POST, path, form).await;
    assert!(status == 201 || status == 200, "{path} {form}: {status} {json}");
    json
}

fn sid(json: &Value) -> String {
    json["sid"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn domains_have_names_of_their_own() {
    let house = House::build("sip_domains").await;
    let made_one = made(&house, "/Domains.json", "DomainName=Foo.sip.twilio.com").await;
    assert_eq!(made_one["domain_name"], "foo.sip.twilio.com");
    assert_eq!(made_one["auth_type"], "");
    let uris = &made_one["subresource_uris"]["credential_list_mappings"];
    let path = format!("/SIP/Domains/{}/CredentialListMappings.json", sid(&made_one));
    assert!(uris.as_str().is_some_and(|uri| uri.ends_with(&path)), "{uris}");
    for (form, code) in [
        ("DomainName=foo.sip.twilio.com", 21231),
        ("DomainName=foo.example.com", 21232),
        ("FriendlyName=x", 21232),
        ("DomainName=a.sip.twilio.com&VoiceUrl=nowhere", 21231),
    ] {
        let (status, json) = ask(&house, &house.owner, Method::POST, "/Domains.json", form).await;
        assert_eq!((status, json["code"].as_i64()), (400, Some(code)), "{form}");
    }
    let path = format!("/Domains/{}.json", sid(&made_one));
    let renamed = made(&house, &path, "DomainName=bar.sip.twilio.com&SipRegistration=true").await;
    assert_eq!(renamed["sip_registration"], true);
    made(&house, "/Domains.json", "DomainName=foo.sip.twilio.com").await;
    let (status, json) =
        ask(&house, &house.owner, Method::POST, &path, "DomainName=foo.sip.twilio.com").await;
    assert_eq!((status, json["code"].as_i64()), (400, Some(21231)));
    let (status, _) = ask(&house, &house.owner, Method::DELETE, &path, "").await;
    assert_eq!(status, 204);
    made(&house, "/Domains.json", "DomainName=bar.sip.twilio.com").await;
    let (status, _) = ask(&house, &house.stranger, Method::GET, &path, "").await;
    assert!(status == 401 || status == 404, "{status}");
}

#[tokio::test]
async fn passwords_are_checked_and_never_shown() {
    let house = House::build("sip_credentials").await;
    let list = sid(&made(&house, "/CredentialLists.json", "FriendlyName=phones").await);
    let path = format!("/CredentialLists/{list}/Credentials.json");
    for form in [
        "Username=alice&Password=short",
        "Username=alice&Password=nocapitals1234",
        "Username=alice",
        "Password=IWasAtSignal2018",
        "Username=a%20b&Password=IWasAtSignal2018",
    ] {
        let (status, json) = ask(&house, &house.owner, Method::POST, &path, form).await;
        assert_eq!((status, json["code"].as_i64()), (400, Some(21243)), "{form}");
    }
    let form = "Username=alice&Password=IWasAtSignal2018";
    let alice = made(&house, &path, form).await;
    assert_eq!(alice["credential_list_sid"], list.as_str());
    let (status, json) = ask(&house, &house.owner, Method::POST, &path, form).await;
    assert_eq!((status, json["code"].as_i64()), (400, Some(21243)), "twice");
    let one = format!("/CredentialLists/{list}/Credentials/{}.json", sid(&alice));
    let changed = made(&house, &one, "Password=IWasAtSignal2019").await;
    for shown in [&alice, &changed] {
        let text = shown.to_string();
        assert!(!text.contains("Signal") && !text.contains("password"), "{text}");
    }
    let stored = house.store.read(|reader| {
        let rows =
            ::store::Query::rows(reader, "SELECT document FROM resources", &[], |row| row.text(0))?;
        Ok::<_, ::store::StoreError>(rows.join("\n"))
    });
    let stored = stored.await.expect("every document");
    assert!(stored.contains("password_sealed") && !stored.contains("Signal"), "{stored}");
    let (status, json) = ask(&house, &house.owner, Method::POST, &one, "Password=").await;
    assert_eq!((status, json["code"].as_i64()), (400, Some(21243)));
}

#[tokio::test]
async fn mapped_lists_stay_and_are_shown_as_lists() {
    let house = House::build("sip_mappings").await;
    let domain = sid(&made(&house, "/Domains.json", "DomainName=foo.sip.twilio.com").await);
    let list = sid(&made(&house, "/CredentialLists.json", "FriendlyName=phones").await);
    let acl = sid(&made(&house, "/IpAccessControlLists.json", "FriendlyName=pbx").await);
    let addresses = format!("/IpAccessControlLists/{acl}/IpAddresses.json");
    let net = made(&house, &addresses, "FriendlyName=a&IpAddress=192.0.2.0&CidrPrefixLength=24");
    assert_eq!(net.await["cidr_prefix_length"], 24);
    let whole = made(&house, &addresses, "FriendlyName=b&IpAddress=192.0.2.1").await;
    assert_eq!(whole["cidr_prefix_length"], 32);
    for path in ["Auth/Calls/CredentialListMappings", "Auth/Registrations/CredentialListMappings"] {
        let path = format!("/Domains/{domain}/{path}.json");
        let mapping = made(&house, &path, &format!("CredentialListSid={list}")).await;
        assert_eq!(
            (mapping["sid"].as_str(), &mapping["friendly_name"]),
            (Some(&*list), &"phones".into())
        );
        assert_eq!(mapping.get("uri"), None);
    }
    let path = format!("/Domains/{domain}/Auth/Calls/IpAccessControlListMappings.json");
    made(&house, &path, &format!("IpAccessControlListSid={acl}")).await;
    let of = |path: String| {
        let house = &house;
        async move { ask(house, &house.owner, Method::GET, &path, "").await.1 }
    };
    assert_eq!(of(format!("/Domains/{domain}.json")).await["auth_type"], "IP_ACL,CREDENTIAL_LIST");
    let older = of(format!("/Domains/{domain}/CredentialListMappings.json")).await;
    let shown = &older["credential_list_mappings"][0];
    assert_eq!(
        (shown["sid"].as_str(), shown["domain_sid"].as_str()),
        (Some(&*list), Some(&*domain))
    );
    made(&house, &format!("/CredentialLists/{list}.json"), "FriendlyName=desks").await;
    let one = of(format!("/Domains/{domain}/Auth/Calls/CredentialListMappings/{list}.json")).await;
    assert_eq!(one["friendly_name"], "desks");
    for (path, code) in [
        (format!("/CredentialLists/{list}.json"), 21241),
        (format!("/IpAccessControlLists/{acl}.json"), 21236),
    ] {
        let (status, json) = ask(&house, &house.owner, Method::DELETE, &path, "").await;
        assert_eq!((status, json["code"].as_i64()), (400, Some(code)));
    }
    let unknown = "CredentialListSid=CL00000000000000000000000000000001";
    let path = format!("/Domains/{domain}/CredentialListMappings.json");
    assert_eq!(ask(&house, &house.owner, Method::POST, &path, unknown).await.0, 404);
    // What a domain maps goes with it.
    let path = format!("/Domains/{domain}.json");
    assert_eq!(ask(&house, &house.owner, Method::DELETE, &path, "").await.0, 204);
    for path in
        [format!("/CredentialLists/{list}.json"), format!("/IpAccessControlLists/{acl}.json")]
    {
        assert_eq!(ask(&house, &house.owner, Method::DELETE, &path, "").await.0, 204);
    }
}
