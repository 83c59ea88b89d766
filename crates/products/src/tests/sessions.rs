//! Sessions at the console: begun by a link, a password or credentials, and never by another site.

use http::request::Builder;
use http::{Request, StatusCode, header};
use net::Body;

use crate::tests::house::House;

/// A request of a page on this installation.
fn request(method: &str, url: &str) -> Builder {
    Request::builder().method(method).uri(url).header("host", "localhost:8080")
}

fn with_cookie(method: &str, url: &str, cookie: &str) -> Builder {
    request(method, url).header("cookie", format!("other=1; {cookie}"))
}

/// The cookie that an answer sets, without its attributes.
fn cookie_of(answer: &http::Response<Body>) -> String {
    let set = answer.headers().get(header::SET_COOKIE).expect("a cookie");
    let set = set.to_str().expect("text");
    assert!(set.contains("; HttpOnly; SameSite=Strict; "), "{set}");
    set.split(';').next().unwrap_or_default().to_owned()
}

fn json_of(answer: http::Response<Body>) -> serde_json::Value {
    let Body::Full(bytes) = answer.into_body() else { return serde_json::Value::Null };
    serde_json::from_slice(&bytes).unwrap_or_default()
}

async fn signed_in(house: &House) -> (String, String) {
    let link = house.accounts.make_link(house.owner.sid).await.expect("a link");
    let url = format!("/console/login?token={}", link.expose());
    let answer = house.send(request("GET", &url), "").await;
    assert_eq!(answer.headers()[header::LOCATION], "/console/");
    let cookie = cookie_of(&answer);
    let again = house.send(request("GET", &url), "").await;
    assert!(again.headers().get(header::SET_COOKIE).is_none(), "a link opens once");
    let shown = house.send(with_cookie("GET", "/console/session", &cookie), "").await;
    let csrf = json_of(shown)["csrf"].as_str().expect("a mark").to_owned();
    (cookie, csrf)
}

#[tokio::test]
async fn a_session_reads_and_changes_only_with_its_mark() {
    let house = House::build("sessions").await;
    let (cookie, csrf) = signed_in(&house).await;
    let list = format!("/2010-04-01/Accounts/{}/Messages.json", house.owner.sid);
    let read = house.send(with_cookie("GET", &list, &cookie), "").await;
    assert_eq!(read.status(), StatusCode::OK);
    let apps = format!("/2010-04-01/Accounts/{}/Applications.json", house.owner.sid);
    for mark in [None, Some(""), Some("wrong")] {
        let mut asked = with_cookie("POST", &apps, &cookie);
        if let Some(mark) = mark {
            asked = asked.header("x-trunkline-csrf", mark);
        }
        let answer = house.send(asked, "FriendlyName=x").await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{mark:?}");
    }
    let asked = with_cookie("POST", &apps, &cookie).header("x-trunkline-csrf", &csrf);
    assert_eq!(house.send(asked, "FriendlyName=x").await.status(), StatusCode::CREATED);
    // The account of somebody else stays closed.
    let other = format!("/2010-04-01/Accounts/{}/Messages.json", house.stranger.sid);
    let refused = house.send(with_cookie("GET", &other, &cookie), "").await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    // Webhooks are not carried away by a page that only has the cookie.
    let listen = "/trunkline/v1/Listeners/Requests";
    let refused = house.send(with_cookie("GET", listen, &cookie), "").await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    // Another installation on this machine has another cookie.
    let elsewhere = Request::builder().uri(&list).header("host", "localhost:9090");
    let refused = house.send(elsewhere.header("cookie", &cookie), "").await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let out = with_cookie("DELETE", "/console/session", &cookie).header("x-trunkline-csrf", &csrf);
    assert_eq!(house.send(out, "").await.status(), StatusCode::NO_CONTENT);
    let after = house.send(with_cookie("GET", &list, &cookie), "").await;
    assert_eq!(after.status(), StatusCode::UNAUTHORIZED, "it was ended");
}

#[tokio::test]
async fn people_sign_in_with_a_password_and_guessing_ends() {
    let house = House::build("people").await;
    let (owner, password) = (house.owner.sid, "correct horse battery");
    let added = house.accounts.add_person(owner, "Anna@Example.com", password, [5; 16]).await;
    added.expect("a person");
    for (email, password) in [("anna", password), ("anna@example.com", "short")] {
        let refused = house.accounts.add_person(owner, email, password, [5; 16]).await;
        assert!(refused.is_err(), "{email}");
    }
    let form = "user=anna%40example.com&password=correct+horse+battery";
    let answer = house.send(request("POST", "/console/session"), form).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    let cookie = cookie_of(&answer);
    let shown = json_of(house.send(with_cookie("GET", "/console/session", &cookie), "").await);
    assert_eq!(shown["person"]["email"], "anna@example.com");
    assert_eq!(shown["account"]["sid"], owner.to_string());
    let foreign = request("POST", "/console/session").header("sec-fetch-site", "cross-site");
    assert_eq!(house.send(foreign, form).await.status(), StatusCode::FORBIDDEN);
    let wrong = "user=anna%40example.com&password=x";
    let mut statuses = Vec::new();
    for _ in 0..11 {
        let answer = house.send(request("POST", "/console/session"), wrong).await;
        statuses.push(answer.status().as_u16());
    }
    assert_eq!(statuses[..10], [401; 10]);
    assert_eq!(statuses[10], 429, "guessing has to wait");
}
