//! One binary, a module for each family of scenarios.

mod calls;
mod console;
mod crash;
mod examples;
mod harness;
mod sdk;
mod signature;
mod smpp;
mod unchanged;
