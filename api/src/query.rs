//! Reading query strings, with errors that name the parameter and the way out.

use axum::{
    extract::FromRequestParts,
    http::{Uri, request::Parts},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::{IntoParams, openapi::path::Parameter};

use crate::error::ApiError;

/// The parameters of a query: each one that is known, and each once. All values are texts: a field of `T` is
/// a `String` or is read from one, such as an enum of words. Numbers and booleans are not.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned + IntoParams, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        read(pairs(&parts.uri)).map(Self)
    }
}

/// A call that takes no parameters: one that is given all the same was meant to do something.
#[derive(Clone, Copy, Debug)]
pub struct NoParams;

impl<S: Send + Sync> FromRequestParts<S> for NoParams {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        expect_none(&parts.uri).map(|()| Self)
    }
}

/// # Errors
/// There is a parameter; names the first.
pub(crate) fn expect_none(uri: &Uri) -> Result<(), ApiError> {
    pairs(uri).first().map_or(Ok(()), |(name, _)| Err(unknown(name, &[])))
}

/// Whatever stands there is names and values, if need be without their =.
fn pairs(uri: &Uri) -> Vec<(String, String)> {
    form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect()
}

/// An address as it was meant: a plus that is not escaped arrives as a space.
pub(crate) fn plus_restored(to: &str) -> String {
    match to.strip_prefix(' ') {
        _ if to.contains('@') => to.trim().replace(' ', "+"),
        Some(digits) => format!("+{digits}"),
        None => to.to_owned(),
    }
}

fn read<T: DeserializeOwned + IntoParams>(pairs: Vec<(String, String)>) -> Result<T, ApiError> {
    let known = if pairs.is_empty() { Vec::new() } else { T::into_params(|| None) };
    let mut given = Map::new();
    for (name, value) in pairs {
        if !known.iter().any(|parameter| parameter.name == name) {
            return Err(unknown(&name, &known));
        }
        if given.contains_key(&name) {
            return Err(ApiError::invalid(
                &name,
                format!("{name} stands there twice; write it once"),
            ));
        }
        given.insert(name, Value::String(value));
    }
    serde_path_to_error::deserialize(Value::Object(given)).map_err(|error| {
        let (name, words) = (error.path().to_string(), error.inner().to_string());
        // Of a word that is none of its parameter's.
        let said = match words.rsplit_once(", expected ") {
            Some((_, words)) => format!("{name} is {words}"),
            None => format!("{name} is of the wrong form"),
        };
        ApiError::invalid(&name, said)
    })
}

fn unknown(name: &str, known: &[Parameter]) -> ApiError {
    let names: Vec<&str> = known.iter().map(|parameter| parameter.name.as_str()).collect();
    let known = match names.as_slice() {
        [] => "this call takes none".to_owned(),
        [one] => format!("there is {one}"),
        several => format!("there are {}", several.join(", ")),
    };
    ApiError::invalid(name, format!("there is no such parameter; {known}"))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Order {
        #[default]
        OldestFirst,
        NewestFirst,
        Any,
    }

    #[derive(Debug, PartialEq, Deserialize, IntoParams)]
    #[into_params(parameter_in = Query)]
    struct Asked {
        to: Option<String>,
        #[serde(default)]
        #[param(value_type = String)]
        order: Order,
    }

    #[derive(Debug, Deserialize, IntoParams)]
    #[into_params(parameter_in = Query)]
    struct Single {
        to: Option<String>,
    }

    fn parts(query: &str) -> Parts {
        let uri = format!("/inbox{query}");
        let request = axum::http::Request::builder().uri(uri).body(()).expect("a request");
        request.into_parts().0
    }

    async fn asked<T: DeserializeOwned + IntoParams>(query: &str) -> Result<T, ApiError> {
        Params::from_request_parts(&mut parts(query), &()).await.map(|Params(asked)| asked)
    }

    #[tokio::test]
    async fn what_is_asked_for_is_read() {
        for (query, to, order) in [
            ("", None, Order::OldestFirst),
            ("?", None, Order::OldestFirst),
            ("?to=", Some(""), Order::OldestFirst),
            ("?order=newest_first&to=a%26b+c", Some("a&b c"), Order::NewestFirst),
        ] {
            let expected = Asked { to: to.map(str::to_owned), order };
            assert_eq!(asked::<Asked>(query).await.expect("good"), expected, "{query}");
        }
    }

    #[tokio::test]
    async fn what_is_wrong_is_named_in_our_own_words() {
        for (query, field, said) in [
            ("?page=2", "page", "there is no such parameter; there are to, order"),
            ("?to=1&to=2", "to", "to stands there twice; write it once"),
            ("?order=x", "order", "order is one of `oldest_first`, `newest_first`, `any`"),
            (
                "?order=, expected y",
                "order",
                "order is one of `oldest_first`, `newest_first`, `any`",
            ),
        ] {
            let query = query.replace(' ', "%20");
            let error = asked::<Asked>(&query).await.expect_err("wrong");
            assert_eq!((error.field(), error.said()), (Some(field), said), "{query}");
        }
        assert_eq!(asked::<Single>("?to=1").await.expect("good").to.as_deref(), Some("1"));
        let error = asked::<Single>("?x=1").await.expect_err("unknown");
        assert_eq!(error.said(), "there is no such parameter; there is to");
    }

    #[test]
    fn a_plus_that_was_not_escaped_is_one_again() {
        for (arrived, meant) in [
            (" 12025550143", "+12025550143"),
            ("+12025550143", "+12025550143"),
            ("12025550143", "12025550143"),
            ("ann x@example.org", "ann+x@example.org"),
            (" ann@example.org", "ann@example.org"),
        ] {
            assert_eq!(plus_restored(arrived), meant);
        }
    }

    #[tokio::test]
    async fn a_call_without_parameters_takes_none() {
        for query in ["", "?"] {
            NoParams::from_request_parts(&mut parts(query), &()).await.expect("good");
        }
        for query in ["?fields=a", "?fields"] {
            let error = NoParams::from_request_parts(&mut parts(query), &()).await;
            let error = error.expect_err("unknown");
            let said = "there is no such parameter; this call takes none";
            assert_eq!((error.field(), error.said()), (Some("fields"), said), "{query}");
        }
    }
}
