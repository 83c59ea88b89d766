//! The suite of the store: every case runs on SQLite and on PostgreSQL.

mod batches;
mod blobs;
mod events;
mod jobs;
mod kill;
mod lanes;
mod leases;
mod lifetime;
mod migrations;
mod outage;
mod proxy;
mod server;
mod simulation;
mod statements;
mod support;
mod units;
