//! The order in which the endpoints of a group are tried for a request.

use super::endpoint::{Endpoint, hash};
use super::failover::Choice;
use super::request::UpstreamRequest;

/// The endpoints that may have the request's model, in the order in which they are tried: those that the operator
/// names for it, those whose list has it, then by preference. Among replicas, the highest hash of the request's
/// affinity and the endpoint comes first (rendezvous hashing): each request keeps its replica when another one fails.
pub(super) fn order(endpoints: &[Endpoint], request: &UpstreamRequest) -> Vec<Choice> {
    let model = request.model_without_pin.as_deref().unwrap_or(&request.model);
    let has_pin = request.model_without_pin.is_some();
    let choice = |at: usize, endpoint: &Endpoint| Choice {
        endpoint: at,
        is_pinned: has_pin && endpoint.upstream.is_hugging_face(),
    };
    let admits = |endpoint: &Endpoint| endpoint.upstream.admits(request.payer.as_ref());
    if let [only] = endpoints {
        let fits = admits(only) && only.upstream.models.fit(model).is_some();
        return if fits { vec![choice(0, only)] } else { Vec::new() };
    }
    let hashed = hash(model);
    let mut found: Vec<_> = endpoints
        .iter()
        .enumerate()
        .filter(|(_, endpoint)| admits(endpoint))
        .filter_map(|(at, endpoint)| {
            let fit = endpoint.upstream.models.fit(model)?;
            let score = hash((request.affinity, endpoint.address_hash));
            Some(((fit, !endpoint.lists(hashed), endpoint.upstream.rank, !score), choice(at, endpoint)))
        })
        .collect();
    found.sort_by_key(|(key, _)| *key);
    found.into_iter().map(|(_, choice)| choice).collect()
}
