//! How much a partition holds and how it behaves.

use core::time::Duration;
use lwm2m_identity::NoSecPolicy;

/// Limits and switches of one partition.
///
/// ```
/// let mut config = registry_core::Config::default();
/// config.max_registrations = 50_000;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Registrations at the same time. A Register beyond is answered with 5.03; a live registration is never
    /// evicted for a new one. Default 1 048 576.
    pub max_registrations: usize,
    /// Bytes of all registrations together; a Register or Update beyond is answered with 5.03. Default 1 GiB.
    pub max_total_bytes: usize,
    /// Objects and object instances of one registration; more are answered with 4.13. Default 4096.
    pub max_links: usize,
    /// Bytes of the object list of one registration; more are answered with 4.13. Default 64 KiB.
    pub max_list_bytes: usize,
    /// Bytes of everything else a device tells about itself; more are answered with 4.13. Default 16 KiB.
    pub max_facts_bytes: usize,
    /// Operations that wait for the store at the same time; more are answered with 5.03. Default 65 536.
    pub max_pending: usize,
    /// Operations that wait for an earlier one of the same endpoint; more are answered with 5.03. Default 4.
    pub max_waiting: usize,
    /// How long a registration outlives its lifetime. Default 0.
    pub grace: Duration,
    /// The Max-Age of a 5.03, in whole seconds: when a device may try again. Default 60 s.
    pub retry_after: Duration,
    /// Who may come without security where no record tells. Default: every endpoint without a record.
    pub nosec: NoSecPolicy,
    /// Whether an Update without security from another address moves the registration there. If not, it is
    /// answered with 4.04, upon which a device registers anew, and so is a De-register. Default `true`.
    pub follow_address: bool,
    /// Whether registrations are committed to the store. `false` saves the copy where the store is as volatile as
    /// the registry; device records are loaded from it in any case. Default `true`.
    pub keep: bool,
    /// How long an Update that changes nothing but the expiry may wait to be committed with others; a registration
    /// that is restored lives this much longer in return. Default 60 s.
    pub lazy_commit: Duration,
    /// Records in one such merged commit. Default 256.
    pub commit_batch: usize,
    /// Registrations that one call of `handle_timeout` ends; the rest is due at the next. Default 1024.
    pub expiry_batch: usize,
    /// Desired observations of one endpoint. Default 64.
    pub max_observations: usize,
    /// Endpoints with desired observations. Default 1 048 576.
    pub max_observed_endpoints: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_registrations: 1 << 20,
            max_total_bytes: 1 << 30,
            max_links: 4096,
            max_list_bytes: 64 * 1024,
            max_facts_bytes: 16 * 1024,
            max_pending: 65_536,
            max_waiting: 4,
            grace: Duration::ZERO,
            retry_after: Duration::from_secs(60),
            nosec: NoSecPolicy::Open,
            follow_address: true,
            keep: true,
            lazy_commit: Duration::from_secs(60),
            commit_batch: 256,
            expiry_batch: 1024,
            max_observations: 64,
            max_observed_endpoints: 1 << 20,
        }
    }
}
