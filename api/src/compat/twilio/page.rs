//! Lists by pages: each names the address of the next one, which is followed as it is.

use otpost_shared::verify_service::{Page, PageFrom};
use serde::{Serialize, Serializer, ser::SerializeMap};
use uuid::Uuid;

use super::{fault::Fault, form::Form};

/// Rows of a page when nobody says how many.
const USUAL: u32 = 50;
const MOST: u32 = 1_000;

/// Which page was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    size: u32,
    number: u32,
    pub(super) from: PageFrom,
}

impl Asked {
    pub(super) fn read(query: Option<&str>) -> Result<Self, Fault> {
        let form = Form::parse(query.unwrap_or_default().as_bytes());
        let size = form.number("PageSize", 1..=MOST)?.unwrap_or(USUAL);
        let number = form.number("Page", 0..=u32::MAX)?.unwrap_or(0);
        let from = match form.text("PageToken") {
            Some(token) => read_token(token)
                .ok_or_else(|| Fault::parameter("PageToken", "take it from next_page_url"))?,
            None if number > 0 => {
                return Err(Fault::parameter("Page", "follow next_page_url: pages have tokens"));
            }
            None => PageFrom::After(Uuid::nil()),
        };
        Ok(Self { size, number, from })
    }

    pub(super) fn limit(&self) -> usize {
        self.size as usize
    }

    fn address(&self, url: &str, number: u32, from: Option<PageFrom>) -> String {
        let first = format!("{url}?PageSize={}&Page={number}", self.size);
        from.map_or_else(|| first.clone(), |from| format!("{first}&PageToken={}", token(from)))
    }
}

fn token(from: PageFrom) -> String {
    match from {
        PageFrom::After(id) => format!("PA{}", id.simple()),
        PageFrom::Before(id) => format!("PB{}", id.simple()),
    }
}

fn read_token(text: &str) -> Option<PageFrom> {
    let (way, id) = text.split_at_checked(2)?;
    let id = Uuid::try_parse(id).ok()?;
    match way {
        "PA" => Some(PageFrom::After(id)),
        "PB" => Some(PageFrom::Before(id)),
        _ => None,
    }
}

/// A page on its way out.
#[derive(Debug)]
pub(super) struct Listed<T> {
    key: &'static str,
    rows: Vec<T>,
    meta: Meta,
}

#[derive(Debug, Serialize)]
struct Meta {
    page: u32,
    page_size: u32,
    first_page_url: String,
    previous_page_url: Option<String>,
    next_page_url: Option<String>,
    key: &'static str,
    url: String,
}

impl<T> Listed<T> {
    /// `url` is the list's own; `view` shows a row.
    pub(super) fn new<R>(
        asked: Asked,
        (url, key): (&str, &'static str),
        page: Page<R>,
        id: impl Fn(&R) -> Uuid,
        view: impl Fn(R) -> T,
    ) -> Self {
        let (first, last) = (page.rows.first().map(&id), page.rows.last().map(&id));
        let came_from_start = asked.from == PageFrom::After(Uuid::nil());
        // There is always something on the side that was come from.
        let (has_previous, has_next) = match asked.from {
            PageFrom::After(_) => (!came_from_start, page.more),
            PageFrom::Before(_) => (page.more, true),
        };
        let previous = first.filter(|_| has_previous).map(PageFrom::Before);
        let next = last.filter(|_| has_next).map(PageFrom::After);
        let number = asked.number;
        let meta = Meta {
            page: number,
            page_size: asked.size,
            first_page_url: asked.address(url, 0, None),
            previous_page_url: previous
                .map(|from| asked.address(url, number.saturating_sub(1), Some(from))),
            next_page_url: next
                .map(|from| asked.address(url, number.saturating_add(1), Some(from))),
            key,
            url: asked.address(url, number, (!came_from_start).then_some(asked.from)),
        };
        Self { key, rows: page.rows.into_iter().map(view).collect(), meta }
    }
}

impl<T: Serialize> Serialize for Listed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry(self.key, &self.rows)?;
        map.serialize_entry("meta", &self.meta)?;
        map.end()
    }
}
