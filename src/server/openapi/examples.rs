//! Answers as they may be.

use serde_json::{Value, json};

pub fn health() -> Value {
    json!({
        "version": "0.1.0", "pid": 4711, "socket": "/run/user/1000/dash/d.sock",
        "state": "/home/me/.local/state/dash", "uptime_ms": 61000, "epoch": 1, "running": 2,
        "clients": 1, "journal_full": false,
    })
}

pub fn swarm() -> Value {
    json!({
        "id": "sw-1", "name": "say", "task": "say {item}", "strategy": "parallel",
        "state": "working", "reason": "",
        "agents": {"total": 2, "by_state": {"working": 1, "done": 1}},
        "items": {"total": 2, "done": 1, "failed": 0, "dropped": 0},
        "tokens": tokens(), "cost_micros": 4200, "notional_micros": 0, "estimated_micros": 0,
        "budget_micros": 1000000, "budget_tokens": null,
        "scope": "strict: write /tmp; net none", "created_at": "2026-01-31T09:30:00.000Z",
        "started_at": "2026-01-31T09:30:00.120Z", "ended_at": null,
    })
}

pub fn agent() -> Value {
    json!({
        "id": "ag-01", "name": "say-1", "swarm": "sw-1", "parent": null, "adapter": "mini",
        "model": "claude-sonnet-5", "item": "one", "attempt": 1, "attempt_id": "ag-01-1",
        "state": "working", "reason": "", "pid": 4712, "exit": null, "progress": null,
        "tokens": tokens(), "cost_micros": 4200, "notional_micros": 0, "estimated_micros": 0,
        "started_at": "2026-01-31T09:30:00.120Z", "ended_at": null,
        "since": "2026-01-31T09:30:00.480Z", "items_done": 0, "items_failed": 0,
        "provider": "anthropic", "scope": "strict: write /tmp; net none", "cwd": "/tmp",
        "branch": null, "last_line": "one", "bytes": 421,
    })
}

pub fn pulse() -> Value {
    json!({
        "cursor": 1234, "since": null,
        "agents": {"total": 2, "by_state": {"working": 1, "failed": 1}},
        "asks": [{"id": "ap-3", "agent": "ag-01", "text": "git push origin main"}],
        "attention": [{"state": "failed", "reason": "exit 1", "agents": ["ag-02"]}],
        "changed": [],
        "money": [{
            "id": "sw-1", "name": "say", "ended": null,
            "items": {"total": 2, "done": 0, "failed": 1, "dropped": 0}, "spent_micros": 4200,
            "limit_micros": 1000000, "spent_tokens": 1280, "limit_tokens": null, "forecast": null,
        }],
    })
}

fn tokens() -> Value {
    json!({"input": 1200, "output": 80, "cache_read": 0, "cache_write": 0})
}
