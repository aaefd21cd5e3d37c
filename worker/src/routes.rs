//! Routes: which providers of the chain a message may go to, and in which order.

use std::{collections::HashMap, fmt};

use otpost_shared::{
    channel::Channel,
    config::{Config, ConfigError, Route, Traits},
    queue::Lane,
};

/// What is said of a channel whose chain has nobody for messages that are no codes.
pub const CODES_ALONE: &str =
    "its providers all take codes only, so other messages by this channel fail";

/// Which chain of the configuration it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainOf {
    /// By its place among the routes.
    Route(usize),
    Channel(Channel),
}

/// As errors name it: `routes[0].chain`, `chains.sms`.
impl fmt::Display for ChainOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route(place) => write!(f, "routes[{place}].chain"),
            Self::Channel(channel) => write!(f, "chains.{}", channel.as_str()),
        }
    }
}

/// The routes of a configuration, as places in the chain.
#[derive(Debug, Default)]
pub struct Routes {
    /// The first that fits a message decides.
    own: Vec<(Route, Places)>,
    /// For what none of them fits.
    general: HashMap<Channel, Places>,
    /// Each link alone.
    each: Vec<usize>,
    /// Where replies may go, whatever the routes say.
    of_replies: Vec<Vec<usize>>,
    /// Those that messages of a lane can come to but replies, each once.
    of_codes: Vec<Vec<usize>>,
    of_others: Vec<Vec<usize>>,
}

/// The links of one chain, in the order they are tried.
#[derive(Debug)]
struct Places {
    of_codes: Vec<usize>,
    /// Without those that take codes only.
    of_others: Vec<usize>,
}

impl Places {
    fn of(&self, lane: Lane) -> &[usize] {
        match lane {
            Lane::Otp => &self.of_codes,
            Lane::Bulk => &self.of_others,
        }
    }
}

impl Routes {
    /// `names` are the providers of the chain, in its order; `takes_codes_only` is asked of their places.
    #[must_use]
    pub fn new(config: &Config, names: &[&str], takes_codes_only: impl Fn(usize) -> bool) -> Self {
        let place = |name: &String| names.iter().position(|known| *known == name);
        let places = |chain: &[String]| {
            let of_codes: Vec<usize> = chain.iter().filter_map(place).collect();
            let takes_others = |place: &usize| !takes_codes_only(*place);
            let of_others = of_codes.iter().copied().filter(takes_others).collect();
            Places { of_codes, of_others }
        };
        let own = config.routes.iter().map(|route| (route.clone(), places(&route.chain)));
        let replying = config.replying().filter_map(|name| names.iter().position(|n| *n == name));
        let mut routes = Self {
            own: own.collect(),
            general: Channel::ALL
                .map(|channel| (channel, places(config.chains.of(channel))))
                .into(),
            each: (0..names.len()).collect(),
            of_replies: replying.map(|place| vec![place]).collect(),
            ..Self::default()
        };
        routes.of_codes = routes.within_reach(Lane::Otp);
        routes.of_others = routes.within_reach(Lane::Bulk);
        routes
    }

    /// Each chain that messages of a lane can come to but replies, with those of its links that take them.
    #[must_use]
    pub fn reached(&self, lane: Lane) -> Vec<(ChainOf, &[usize])> {
        let mut all = Vec::new();
        for channel in Channel::ALL.into_iter().filter(|channel| channel.carries(lane)) {
            let own = self.own.iter().enumerate();
            let mut is_rest_left = true;
            for (place, (route, links)) in own.filter(|(_, (route, _))| route.channel == channel) {
                if is_rest_left && route.may_take(lane) {
                    all.push((ChainOf::Route(place), links.of(lane)));
                    is_rest_left = !route.takes_all_of(lane);
                }
            }
            // Nothing is sent by a channel whose chain names nobody.
            if is_rest_left && !self.general(channel, Lane::Otp).is_empty() {
                all.push((ChainOf::Channel(channel), self.general(channel, lane)));
            }
        }
        all
    }

    /// The chains where messages that are no codes can come and nobody takes them.
    pub fn for_codes_alone(&self) -> impl Iterator<Item = ChainOf> {
        let reached = self.reached(Lane::Bulk).into_iter();
        reached.filter(|(_, links)| links.is_empty()).map(|(of, _)| of)
    }

    /// Finds routes that messages are lost on. A channel that is used for codes alone is none.
    ///
    /// # Errors
    /// Names the chain.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut lost = self.for_codes_alone().filter(|of| matches!(of, ChainOf::Route(_)));
        let said = "its providers all take codes only, and other messages come here too, which would \
                    all fail: write lanes = [\"otp\"] in this route, or name another provider";
        lost.next().map_or(Ok(()), |of| Err(ConfigError::new(of.to_string(), said)))
    }

    /// The links that a message may go to, in the order they are tried.
    #[must_use]
    pub fn of(&self, message: &Traits<'_>) -> &[usize] {
        let own = self.own.iter().find(|(route, _)| route.fits(message));
        let lane = message.lane;
        own.map_or_else(|| self.general(message.channel, lane), |(_, places)| places.of(lane))
    }

    /// The chain that a message goes by.
    #[must_use]
    pub fn chain_of(&self, message: &Traits<'_>) -> ChainOf {
        let own = self.own.iter().position(|(route, _)| route.fits(message));
        own.map_or(ChainOf::Channel(message.channel), ChainOf::Route)
    }

    /// All links that a chain names, whatever they take.
    #[must_use]
    pub fn named(&self, chain: ChainOf) -> &[usize] {
        match chain {
            ChainOf::Route(place) => self.own.get(place).map_or(&[], |(_, all)| &all.of_codes),
            ChainOf::Channel(channel) => self.general(channel, Lane::Otp),
        }
    }

    /// The links that every code by SMS goes to; none when that depends on the code.
    #[must_use]
    pub fn of_every_code(&self) -> Option<&[usize]> {
        let is_of_codes =
            |(route, _): &(Route, _)| route.channel == Channel::Sms && route.may_take(Lane::Otp);
        (!self.own.iter().any(is_of_codes)).then_some(self.general(Channel::Sms, Lane::Otp))
    }

    /// The route of a message that may go to this link alone; to nobody without one.
    #[must_use]
    pub fn of_one(&self, place: Option<usize>) -> &[usize] {
        place.and_then(|place| self.each.get(place..=place)).unwrap_or_default()
    }

    /// All that replies can come to.
    #[must_use]
    pub fn of_replies(&self) -> &[Vec<usize>] {
        &self.of_replies
    }

    /// All that messages of a lane can come to but replies.
    #[must_use]
    pub fn in_lane(&self, lane: Lane) -> &[Vec<usize>] {
        match lane {
            Lane::Otp => &self.of_codes,
            Lane::Bulk => &self.of_others,
        }
    }

    /// True when messages of a lane do not all go to the same providers.
    #[must_use]
    pub fn differ_in(&self, lane: Lane) -> bool {
        self.in_lane(lane).len() > 1
    }

    /// True when it matters whose a message is.
    #[must_use]
    pub fn ask_for_tenants(&self) -> bool {
        self.own.iter().any(|(route, _)| !route.tenants.is_empty())
    }

    fn general(&self, channel: Channel, lane: Lane) -> &[usize] {
        self.general.get(&channel).map_or(&[], |places| places.of(lane))
    }

    fn within_reach(&self, lane: Lane) -> Vec<Vec<usize>> {
        let reached = self.reached(lane).into_iter();
        let mut all: Vec<Vec<usize>> = reached.map(|(_, links)| links.to_vec()).collect();
        // Nothing is sent where nobody is named.
        all.retain(|places| !places.is_empty());
        all.sort_unstable();
        all.dedup();
        all
    }
}

#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;
