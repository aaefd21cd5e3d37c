//! The page as HTML. All its steps are there from the start; its script shows one at a time.

use maud::{DOCTYPE, Markup, html};
use otpost_shared::channel::Channel;
use serde_json::json;

use super::{assets, wording::Words};

/// What the page is about.
pub(super) struct View<'a> {
    /// The first one before the others.
    pub(super) channels: &'a [Channel],
    /// True when the person is not asked whom to send to.
    pub(super) is_fixed: bool,
    pub(super) asks_number: bool,
    pub(super) asks_address: bool,
    pub(super) countries: Vec<Country>,
    /// Of the code.
    pub(super) digits: u32,
    pub(super) embed_origin: Option<&'a str>,
    /// Where whoever gives up goes; none where the page is embedded alone.
    pub(super) leave: Option<String>,
}

pub(super) struct Country {
    /// ISO 3166-1 alpha-2.
    pub(super) region: String,
    pub(super) code: i32,
    pub(super) is_likely: bool,
}

impl View<'_> {
    fn title(&self) -> &'static str {
        if self.channels.iter().all(|channel| channel.is_by_phone()) {
            "title-phone"
        } else if self.channels.iter().any(|channel| channel.is_by_phone()) {
            "title"
        } else {
            "title-email"
        }
    }

    /// What the script needs; in an attribute, since nothing inline runs.
    fn data(&self, words: &Words) -> String {
        let ways = self
            .channels
            .iter()
            .map(|channel| json!({ "name": channel.as_str(), "phone": channel.is_by_phone() }));
        json!({
            "ways": ways.collect::<Vec<_>>(),
            "fixed": self.is_fixed,
            "digits": self.digits,
            "embed": self.embed_origin,
            "work": assets::work_script(),
            "words": {
                "againIn": words.say_with("again-in", "time", "{time}"),
                "wait": words.say("wait"),
                "over": words.say("over"),
                "offline": words.say("offline"),
                "failed": words.say("failed"),
            },
        })
        .to_string()
    }
}

pub(super) fn page(words: &Words, view: &View<'_>) -> Markup {
    let title = words.say(view.title());
    let body = html! {
        noscript { p.trouble { (words.say("no-script")) } }
        p #status role="status" { }
        @if view.is_fixed {
            section #begin { h1 { (title) } p { (words.say("wait")) } }
        } @else {
            (ask(words, view, &title))
        }
        (enter(words, view))
        section #done hidden {
            h1 tabindex="-1" { (words.say("done")) }
            p { a.button #continue hidden href="#" { (words.say("continue")) } }
        }
        section #over hidden {
            h1 tabindex="-1" { (title) }
            p.trouble #over-trouble role="alert" { }
        }
        (leave(words, view))
    };
    document(words, &title, Some(&view.data(words)), &body)
}

/// In place of the page.
pub(super) fn refused(words: &Words, said: &str, leave: Option<&str>) -> Markup {
    let title = words.say("title");
    let body = html! {
        h1 { (title) }
        p.trouble { (said) }
        @if let Some(url) = leave {
            p.leave { a href=(url) rel="nofollow" { (words.say("leave")) } }
        }
    };
    document(words, &title, None, &body)
}

fn document(words: &Words, title: &str, data: Option<&str>, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(words.language()) dir=(words.direction()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – " (words.app()) }
                link rel="stylesheet" href=(assets::style());
                @if data.is_some() { script src=(assets::script()) defer { } }
            }
            body data-page=[data] {
                main {
                    p.app { (words.app()) }
                    (body)
                }
            }
        }
    }
}

/// The first step: whom to send to, and by which way.
fn ask(words: &Words, view: &View<'_>, title: &str) -> Markup {
    html! {
        section #ask {
            h1 tabindex="-1" { (title) }
            p { (words.say("intro")) }
            form novalidate {
                @if view.channels.len() > 1 { (ways(words, view)) }
                @if view.asks_number { (number(words, view)) }
                @if view.asks_address {
                    div.field data-reaches="email" hidden[view.channels.first() != Some(&Channel::Email)] {
                        label for="address" { (words.say("address")) }
                        input #address type="email" dir="ltr" autocomplete="email" required
                            aria-describedby="ask-trouble";
                    }
                }
                p.trouble #ask-trouble role="alert" { }
                button.main { (words.say("send")) }
            }
        }
    }
}

fn ways(words: &Words, view: &View<'_>) -> Markup {
    html! {
        fieldset {
            legend { (words.say("way")) }
            @for (place, channel) in view.channels.iter().enumerate() {
                label.choice {
                    input type="radio" name="way" value=(channel.as_str()) checked[place == 0];
                    span { (words.way(*channel)) }
                }
            }
        }
    }
}

fn number(words: &Words, view: &View<'_>) -> Markup {
    let is_second = view.channels.first() == Some(&Channel::Email);
    html! {
        div.field data-reaches="phone" hidden[is_second] {
            label for="country" { (words.say("country")) }
            select #country autocomplete="country" {
                @for country in &view.countries {
                    option value=(country.region) data-code=(country.code) selected[country.is_likely] {
                        (country.region) " +" (country.code)
                    }
                }
            }
        }
        div.field data-reaches="phone" hidden[is_second] {
            label for="number" { (words.say("number")) }
            input #number type="tel" dir="ltr" autocomplete="tel" required aria-describedby="ask-trouble";
        }
    }
}

/// The second step: the code, and what to do when it does not come.
fn enter(words: &Words, view: &View<'_>) -> Markup {
    let others = view.channels.len() > 1;
    html! {
        section #enter hidden {
            h1 tabindex="-1" { (words.say("code-title")) }
            p #sent { }
            form novalidate {
                div.field {
                    label for="code" { (words.say("code")) }
                    input #code type="text" dir="ltr" inputmode="numeric" autocomplete="one-time-code"
                        autocapitalize="off" spellcheck="false" maxlength="40" required
                        aria-describedby="enter-trouble";
                }
                p.trouble #enter-trouble role="alert" { }
                button.main { (words.say("confirm")) }
            }
            div.again {
                p #countdown hidden { }
                button #again type="button" { (words.say("again")) }
                @if others {
                    div #others role="group" aria-labelledby="others-name" {
                        p #others-name { (words.say("other-way")) }
                        @for channel in view.channels {
                            button type="button" data-way=(channel.as_str())
                                data-reaches=(if channel.is_by_phone() { "phone" } else { "email" }) {
                                (words.way(*channel))
                            }
                        }
                    }
                }
                @if !view.is_fixed { button #back type="button" { (words.say("back")) } }
            }
        }
    }
}

fn leave(words: &Words, view: &View<'_>) -> Markup {
    html! {
        p.leave {
            @if let Some(url) = &view.leave {
                a #leave href=(url) rel="nofollow" { (words.say("leave")) }
            } @else {
                button.plain #leave type="button" { (words.say("leave")) }
            }
        }
    }
}
