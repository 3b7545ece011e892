//! The gateway: its answer, or that of a web proxy on the way to it.

use std::net::SocketAddr;

use serde_json::{Value, json};
use wire::capture::WebAnswer;
use wire::http::{Method, Response};

use super::end::end_word;

/// Name of the answer in the report.
pub(crate) const ANSWER: &str = "http.answer";

/// Converts request and answer for the report.
pub(crate) fn value(method: Method, proxy: Option<SocketAddr>, answer: &WebAnswer) -> Value {
    let proxy = proxy.map(|proxy| proxy.to_string());
    json!({"method": method.word(), "proxy": proxy, "answer": web_value(answer)})
}

fn web_value(answer: &WebAnswer) -> Value {
    match answer {
        WebAnswer::Response(Response { status, authenticate, proxy_authenticate, websocket }) => json!({
            "status": status, "authenticate": authenticate, "proxy_authenticate": proxy_authenticate,
            "websocket": websocket}),
        WebAnswer::Foreign => "foreign".into(),
        WebAnswer::Closed(end) => json!({"closed": end_word(*end)}),
        WebAnswer::Silent => "silent".into(),
    }
}
