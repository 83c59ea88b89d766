//! Where a SIP host is (RFC 3263): NAPTR and SRV records, then addresses; best first.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use machine::Random;
use sip::io::{Query, Transport};

/// A server of names is asked for so long, once.
const PATIENCE: Duration = Duration::from_secs(2);

/// Addresses that are tried at most.
const ADDRESSES_MAX: usize = 16;

/// The resolver of one agent. Without a server of names hosts have addresses alone.
#[derive(Clone)]
pub(super) struct Names {
    resolver: Option<TokioResolver>,
    /// Of the draws among servers of one priority.
    seed: u64,
}

/// One SRV record.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Server {
    priority: u16,
    weight: u16,
    port: u16,
    host: String,
}

impl Names {
    /// Asks the system's servers of names, or this one.
    pub(super) fn new(server: Option<SocketAddr>, seed: u64) -> Self {
        let builder = match server {
            Some(at) => {
                let mut over = ConnectionConfig::udp();
                over.port = at.port();
                let mut server = NameServerConfig::udp(at.ip());
                server.connections = vec![over];
                let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
                let provider = TokioRuntimeProvider::default();
                Ok(TokioResolver::builder_with_config(config, provider))
            }
            None => TokioResolver::builder_tokio(),
        };
        let built = builder.and_then(|mut builder| {
            (builder.options_mut().timeout, builder.options_mut().attempts) = (PATIENCE, 1);
            builder.build()
        });
        if let Err(error) = &built {
            tracing::warn!(%error, "SRV records of SIP peers can't be asked for");
        }
        Self { resolver: built.ok(), seed }
    }

    /// The places of a query, best first; empty when there are none.
    pub(super) async fn resolve(&self, query: &Query) -> Vec<(Transport, SocketAddr)> {
        // A port says that SRV records don't count (§4.2); names of one label are this network's.
        if query.port.is_none() && query.host.contains('.') {
            let servers = self.servers(query).await;
            if !servers.is_empty() {
                let mut found = Vec::new();
                for (transport, server) in servers {
                    found.extend(addresses(&server.host, server.port, transport).await);
                    if found.len() >= ADDRESSES_MAX {
                        break;
                    }
                }
                return found;
            }
        }
        let port = query.port.unwrap_or(query.transport.port());
        addresses(&query.host, port, query.transport).await
    }

    /// The SRV records that count, in the order in which they are tried.
    async fn servers(&self, query: &Query) -> Vec<(Transport, Server)> {
        let host = query.host.trim_end_matches('.');
        let own = |transport| (transport, format!("{}.{host}.", service(transport)));
        let names = match query.given {
            true => vec![own(query.transport)],
            false => match self.services(host).await {
                named if !named.is_empty() => named,
                // §4.1: without NAPTR records the transports are asked for in turn.
                _ => [Transport::Udp, Transport::Tcp].map(own).to_vec(),
            },
        };
        let mut random = Random::from_seed(self.seed ^ query.id);
        let mut servers = Vec::new();
        for (transport, name) in names {
            let found = ordered(self.srv(&name).await, |bound| random.below(bound));
            servers.extend(found.into_iter().map(|server| (transport, server)));
        }
        servers
    }

    /// What NAPTR records name: transports and the SRV records to be asked for.
    async fn services(&self, host: &str) -> Vec<(Transport, String)> {
        let mut found = Vec::new();
        for data in self.look_up(&format!("{host}."), RecordType::NAPTR).await {
            if let RData::NAPTR(naptr) = data
                && naptr.flags.eq_ignore_ascii_case(b"s")
                && let Some(transport) = named(&naptr.services)
            {
                let order = (naptr.order, naptr.preference);
                found.push((order, transport, naptr.replacement.to_string()));
            }
        }
        found.sort_by_key(|(order, ..)| *order);
        found.into_iter().map(|(_, transport, name)| (transport, name)).collect()
    }

    async fn srv(&self, name: &str) -> Vec<Server> {
        let data = self.look_up(name, RecordType::SRV).await;
        let servers = data.into_iter().filter_map(|data| match data {
            RData::SRV(srv) => Some(Server {
                priority: srv.priority,
                weight: srv.weight,
                port: srv.port,
                host: srv.target.to_string(),
            }),
            _ => None,
        });
        // RFC 2782: a target of "." offers nothing.
        servers.filter(|server| server.host != ".").collect()
    }

    async fn look_up(&self, name: &str, kind: RecordType) -> Vec<RData> {
        let Some(resolver) = &self.resolver else { return Vec::new() };
        match resolver.lookup(name, kind).await {
            Ok(found) => found.answers().iter().map(|record| record.data.clone()).collect(),
            Err(error) => {
                tracing::debug!(name, %kind, %error, "no records");
                Vec::new()
            }
        }
    }
}

/// The label of a transport's SRV records.
fn service(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls => "_sips._tcp",
    }
}

/// The transport of a NAPTR record's service.
fn named(service: &[u8]) -> Option<Transport> {
    let known = [
        (&b"SIP+D2U"[..], Transport::Udp),
        (b"SIP+D2T", Transport::Tcp),
        (b"SIPS+D2T", Transport::Tls),
    ];
    let found = known.into_iter().find(|(name, _)| service.eq_ignore_ascii_case(name));
    found.map(|(_, transport)| transport)
}

/// Lower priorities first, and within one by chance in the share of the weights (RFC 2782).
fn ordered(mut servers: Vec<Server>, mut draw: impl FnMut(u64) -> u64) -> Vec<Server> {
    // Those without a weight stand first in each draw, as the RFC says.
    servers.sort_by_key(|server| (server.priority, server.weight));
    let mut order = Vec::with_capacity(servers.len());
    while let Some(first) = servers.first() {
        let level = servers.iter().take_while(|server| server.priority == first.priority).count();
        let total: u64 = servers[..level].iter().map(|server| u64::from(server.weight)).sum();
        let mut left = draw(total + 1);
        let at = servers[..level].iter().position(|server| {
            let weight = u64::from(server.weight);
            let chosen = left <= weight;
            left = left.saturating_sub(weight);
            chosen
        });
        order.push(servers.remove(at.unwrap_or(0)));
    }
    order
}

/// A and AAAA records, and the system's own names.
async fn addresses(host: &str, port: u16, transport: Transport) -> Vec<(Transport, SocketAddr)> {
    let host = host.trim_end_matches('.');
    match tokio::net::lookup_host((host, port)).await {
        Ok(found) => found.map(|at| (transport, at)).collect(),
        Err(error) => {
            tracing::debug!(host, %error, "a SIP host has no address");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests;
