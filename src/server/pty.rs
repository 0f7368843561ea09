//! `/v1/agents/{id}/pty`: an agent's terminal as a WebSocket. Binary messages are terminal
//! bytes, both ways; text messages are JSON: `{"resize": {"cols", "rows"}}` from the
//! client, `{"type": "size" | "ended", …}` to it. The relay is a viewer of the keeper like
//! any other: what it does not read in time is replaced by a fresh screen.

use super::{
    identity::{Present, Served},
    problem::{Answer, Path, Query, Refused},
};
use crate::{
    model::{Refusal, RefusalCode},
    protocol::{
        frame::{Decoder, Frame, encode_bytes, encode_control},
        keeper::{FromKeeper, MAX_FRAME, ToKeeper, VERSION},
        rest::{Size, Ticket},
    },
};
use axum::{
    extract::{
        State,
        ws::{Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{
        HeaderValue, StatusCode,
        header::{CONNECTION, UPGRADE},
    },
    response::{IntoResponse, Response},
};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Wish {
    /// 0 leaves the size alone.
    cols: u16,
    rows: u16,
    /// 1: what is typed is dropped.
    read_only: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Control {
    resize: Size,
}

pub async fn open(
    State(served): State<Served>,
    Path(name): Path<String>,
    Query(wish): Query<Wish>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer<Response> {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(_) => return Ok(only_upgraded()),
    };
    let agent = served.handle.agent_id(&name).await?;
    let read_only = wish.read_only != 0;
    let Ticket { socket, ticket } = served.handle.ticket(&agent, read_only).await?;
    let row = served.handle.row("agent.attach").on_agent(&agent);
    served.handle.note(row.with("read_only", read_only)).await;
    let mut keeper = UnixStream::connect(&socket).await.map_err(away)?;
    let hello = ToKeeper::View { version: VERSION, ticket, cols: wish.cols, rows: wish.rows };
    keeper.write_all(&control(&hello)).await.map_err(away)?;
    let present = served.clients.enter();
    Ok(upgrade.on_upgrade(async move |socket| {
        let mut typed = 0;
        relay(socket, keeper, present, &mut typed).await;
        let row = served.handle.row("agent.detach").on_agent(&agent);
        served.handle.note(row.with("bytes", typed)).await;
    }))
}

fn only_upgraded() -> Response {
    let refusal = Refusal::new(RefusalCode::Invalid, "a terminal is served as a WebSocket only")
        .hinted("Upgrade: websocket; the bytes alone are at log?follow=1");
    let mut response = Refused(refusal, Some(StatusCode::UPGRADE_REQUIRED), None).into_response();
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    response
}

fn away(error: std::io::Error) -> Refusal {
    Refusal::new(RefusalCode::Conflict, format!("its keeper cannot be reached: {error}"))
}

fn control(message: &ToKeeper) -> Vec<u8> {
    let mut frame = Vec::new();
    if let Err(error) = encode_control(message, &mut frame) {
        tracing::error!(%error, "a control message does not encode");
    }
    frame
}

/// `typed` counts the bytes that went to the agent.
async fn relay(socket: WebSocket, keeper: UnixStream, _present: Present, typed: &mut u64) {
    let (mut sink, mut source) = socket.split();
    let (mut from, mut to) = keeper.into_split();
    let mut decoder = Decoder::new(MAX_FRAME);
    let mut chunk = vec![0; 16 << 10];
    loop {
        tokio::select! {
            read = from.read(&mut chunk) => {
                let Ok(n @ 1..) = read else { break };
                decoder.push(chunk.get(..n).unwrap_or_default());
                loop {
                    let message = match decoder.next_frame() {
                        Ok(Some(Frame::Bytes(bytes))) => Message::binary(bytes),
                        Ok(Some(Frame::Control(json))) => {
                            // What is only for cores does not come to a viewer.
                            match Frame::parse::<FromKeeper>(&json) {
                                Ok(_) => Message::text(String::from_utf8_lossy(&json).into_owned()),
                                Err(_) => continue,
                            }
                        }
                        Ok(None) => break,
                        Err(_) => return,
                    };
                    if sink.send(message).await.is_err() {
                        return;
                    }
                }
            }
            heard = source.next() => {
                let frame = match heard {
                    Some(Ok(Message::Binary(bytes))) => {
                        let mut frame = Vec::new();
                        encode_bytes(&bytes, &mut frame);
                        *typed += bytes.len() as u64;
                        frame
                    }
                    Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
                        Ok(Control { resize: Size { cols, rows } }) => {
                            control(&ToKeeper::Resize { cols, rows })
                        }
                        Err(error) => {
                            let why = serde_json::json!({"type": "refused", "message": error.to_string()});
                            if sink.send(Message::text(why.to_string())).await.is_err() {
                                return;
                            }
                            continue;
                        }
                    },
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                };
                if to.write_all(&frame).await.is_err() {
                    break;
                }
            }
        }
    }
    // The agent is over; the client may be gone too.
    let _ = sink.send(Message::Close(None)).await;
}
