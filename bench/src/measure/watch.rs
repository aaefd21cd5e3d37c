//! Who else used the machine while something was timed.

use crate::{error::Result, harness::Busy};

/// What others used during the timed parts of a row; what is only prepared does not count.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Watch {
    /// Processor seconds of others.
    others: f64,
    seconds: f64,
}

impl Watch {
    #[cfg(test)]
    pub(crate) fn of(others: f64, seconds: f64) -> Self {
        Self { others, seconds }
    }

    /// Runs a timed part.
    pub(crate) async fn during<T>(&mut self, timed: impl Future<Output = Result<T>>) -> Result<T> {
        let busy = Busy::begin();
        let done = Box::pin(timed).await?;
        let (others, seconds) = busy.others();
        self.others += others;
        self.seconds += seconds;
        Ok(done)
    }

    /// How many cores others kept busy, on average. One that comes and goes within a round moves
    /// this little and the median not at all. None where nothing was timed.
    pub(crate) fn cores(&self) -> Option<f64> {
        (self.seconds > 0.0).then(|| self.others / self.seconds)
    }
}
