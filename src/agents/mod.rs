//! Adapters: how a kind of agent is launched, watched and judged, as data.
