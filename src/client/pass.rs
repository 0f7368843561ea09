//! Requests of somebody else's, passed on as they are: for a door beside the socket.

use super::{
    error::{ClientError, Result},
    http::Client,
};
use hyper::{Request, Response, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;

impl Client {
    /// The core's answer, whatever it is. Where it changes protocols its connection goes on, as
    /// hyper's upgrades do.
    ///
    /// # Errors
    /// When there is no core, or it went before it answered.
    pub async fn pass(&self, request: Request<Incoming>) -> Result<Response<Incoming>> {
        let lost = |error: hyper::Error| ClientError::Lost(error.to_string());
        let stream = self.stream_to_core().await?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
        // Ends with the request, as in `http`.
        tokio::spawn(connection.with_upgrades());
        sender.send_request(request).await.map_err(lost)
    }
}
