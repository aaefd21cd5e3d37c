//! What a surface has words of its own for.

use std::borrow::Cow;

use uuid::Uuid;

use crate::{
    admission::OptOuts, config::Purpose, db::DbError, home::Home, limits::Rule, queue::Lane,
    recipient::Recipient, suppression,
};

/// What stands in place of the configured, where a surface has words of its own for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terms<'a> {
    /// How often one recipient may be sent to.
    pub recipient_rules: Option<&'a [Rule]>,
    /// Digits of the code, 4 to 10.
    pub code_length: Option<u32>,
    /// What {app} stands for.
    pub app: Option<&'a str>,
    /// True when the code may be sent again at once.
    pub no_wait: bool,
    /// Variables that the text must name: whoever reads the code must read what it is for.
    pub must_name: &'a [&'a str],
    /// True when strangers ask, who are not to learn who is not to be sent to: for such a recipient all is as
    /// for others, but that nothing is sent.
    pub hides_opt_outs: bool,
}

impl<'a> Terms<'a> {
    pub(super) fn recipient_rules_or(&self, home: &'a Home) -> &'a [Rule] {
        self.recipient_rules.unwrap_or(&home.config.limits.recipient)
    }

    /// Where nobody is to be told, whether nothing is sent.
    pub(super) async fn opt_outs(
        &self,
        home: &Home,
        tenant_id: Uuid,
        to: &Recipient,
    ) -> Result<OptOuts, DbError> {
        if !self.hides_opt_outs {
            return Ok(OptOuts::Told);
        }
        let withheld = suppression::keeps_back(home, tenant_id, to, Lane::Otp).await?;
        Ok(OptOuts::Hidden { withheld })
    }

    pub(super) fn policy_or<'p>(&self, policy: &'p Purpose) -> Cow<'p, Purpose> {
        match self.code_length {
            Some(code_length) if code_length != policy.code_length => {
                Cow::Owned(Purpose { code_length, ..policy.clone() })
            }
            _ => Cow::Borrowed(policy),
        }
    }
}
