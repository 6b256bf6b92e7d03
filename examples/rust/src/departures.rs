//! What every part of the program opens: the flights and their totals, in one scope.

use ponos::{Map, MapOptions, Ponos, Result, Stream, StreamOptions};

pub(crate) struct Departures {
    client: Ponos,
    pub(crate) flights: Stream,
    pub(crate) totals: Map,
}

impl Departures {
    /// A client of its own, as in a process of its own.
    pub(crate) async fn open(url: &str) -> Result<Self> {
        let client = Ponos::open(url).await?;
        let scope = client.scope("departures");
        let flights = scope.stream_with("flights", StreamOptions::default().codec("json")).await?;
        let totals = scope.map_with("totals", MapOptions::default().codec("json")).await?;
        Ok(Self { client, flights, totals })
    }

    /// How many flights are counted: each is one step, so each is one revision.
    pub(crate) fn counted(&self) -> u64 {
        self.totals.revision()
    }

    /// Deletes all, of which those who still count are told.
    pub(crate) async fn end(self) -> Result<()> {
        self.flights.destroy().await?;
        self.totals.destroy().await?;
        self.close().await;
        Ok(())
    }

    pub(crate) async fn close(self) {
        self.client.close().await;
    }
}
