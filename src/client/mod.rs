//! A client's side of the socket.
