//! The layers between a socket and the machine of a connection, one on top of the other: TLS today, and whatever else
//! takes bytes and turns them into those of somebody inside it.
//!
//! A layer has no socket: bytes of the layer below go in and come out. TLS stacks need chance and a clock, so theirs
//! are in `collect`.

use crate::machine::{Event, TlsFailure};

/// Turns the bytes of the layer below into those above, and back.
pub trait Layer: Send {
    /// Takes bytes from below and returns those that they complete above.
    fn read(&mut self, below: &[u8]) -> Result<Vec<u8>, TlsFailure>;
    /// Takes bytes from above; [`Layer::take_output`] then has what becomes of them. An error is our own failure.
    fn write(&mut self, above: &[u8]) -> Result<(), String>;
    /// Takes the bytes that have to be sent below.
    fn take_output(&mut self) -> Vec<u8>;
    /// Tells what both sides agreed on, once bytes can pass.
    fn up(&self) -> Option<Event>;
    /// True if the peer asked for a certificate of ours.
    fn certificate_requested(&self) -> bool {
        false
    }
    /// True if the peer has said that it will send nothing more, whether or not the layer below stays open.
    fn ended(&self) -> bool {
        false
    }
}

/// Layers on top of each other; without any, bytes pass as they are.
#[derive(Default)]
pub struct Layers {
    stack: Vec<Box<dyn Layer>>,
    /// True if the topmost layer lets bytes pass.
    up: bool,
}

/// The results of bytes that came from the socket.
#[derive(Debug, PartialEq, Eq)]
pub struct Received {
    /// The bytes above the topmost layer, or the reason why a layer gave up.
    pub bytes: Result<Vec<u8>, TlsFailure>,
    /// The topmost layer came up with these bytes.
    pub up: Option<Event>,
    /// The peer of the topmost layer asked for a certificate of ours.
    pub requested: bool,
}

impl Layers {
    /// Puts a layer on top, which then begins to talk to its peer.
    pub fn push(&mut self, layer: Box<dyn Layer>) {
        self.up = layer.up().is_some();
        self.stack.push(layer);
    }

    /// True if there is no layer.
    pub fn is_empty(&self) -> bool {
        self.stack.is_empty()
    }

    /// True if the topmost layer is still talking to its peer.
    pub fn rising(&self) -> bool {
        !self.is_empty() && !self.up
    }

    /// True if the peer of the topmost layer has said that it will send nothing more.
    pub fn ended(&self) -> bool {
        self.stack.last().is_some_and(|top| top.ended())
    }

    /// Sends bytes down from the top, and returns what goes out on the socket. An error is our own failure.
    pub fn send(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>, String> {
        let mut carried = bytes;
        for layer in self.stack.iter_mut().rev() {
            if !carried.is_empty() {
                layer.write(&carried)?;
            }
            carried = layer.take_output();
        }
        Ok(carried)
    }

    /// Returns what the layers want to go out on the socket by themselves.
    pub fn output(&mut self) -> Result<Vec<u8>, String> {
        self.send(Vec::new())
    }

    /// Passes bytes from the socket up.
    pub fn receive(&mut self, raw: &[u8]) -> Received {
        let bytes = self.stack.iter_mut().try_fold(raw.to_vec(), |bytes, layer| layer.read(&bytes));
        let up = self.stack.last().filter(|_| !self.up).and_then(|top| top.up());
        self.up |= up.is_some();
        let requested = self.stack.last().is_some_and(|top| top.certificate_requested());
        Received { bytes, up, requested }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says its mark to its peer, is up when it hears it back, and then puts it in front of everything.
    struct Marking {
        mark: u8,
        up: bool,
        output: Vec<u8>,
    }

    impl Marking {
        fn new(mark: u8) -> Self {
            Self { mark, up: false, output: vec![mark] }
        }
    }

    impl Layer for Marking {
        fn read(&mut self, below: &[u8]) -> Result<Vec<u8>, TlsFailure> {
            match below.split_first() {
                None => Ok(Vec::new()),
                Some((mark, rest)) if *mark == self.mark => {
                    self.up = true;
                    Ok(rest.to_vec())
                }
                Some(_) => Err(TlsFailure::Peer(format!("no {}", self.mark))),
            }
        }

        fn write(&mut self, above: &[u8]) -> Result<(), String> {
            self.output.push(self.mark);
            self.output.extend_from_slice(above);
            Ok(())
        }

        fn take_output(&mut self) -> Vec<u8> {
            std::mem::take(&mut self.output)
        }

        fn up(&self) -> Option<Event> {
            self.up.then_some(Event::Connected)
        }
    }

    #[test]
    fn without_layers_bytes_pass() {
        let mut layers = Layers::default();
        assert_eq!(layers.send(vec![1, 2]), Ok(vec![1, 2]));
        assert_eq!(layers.receive(&[3]), Received { bytes: Ok(vec![3]), up: None, requested: false });
        assert!(layers.is_empty() && !layers.rising());
    }

    #[test]
    fn a_layer_talks_through_those_below_it() {
        let mut layers = Layers::default();
        layers.push(Box::new(Marking::new(7)));
        assert!(layers.rising());
        assert_eq!(layers.output(), Ok(vec![7]));
        assert_eq!(
            layers.receive(&[7]),
            Received { bytes: Ok(Vec::new()), up: Some(Event::Connected), requested: false }
        );
        layers.push(Box::new(Marking::new(8)));
        assert!(layers.rising());
        assert_eq!(layers.output(), Ok(vec![7, 8]));
        assert_eq!(
            layers.receive(&[7, 8, 1]),
            Received { bytes: Ok(vec![1]), up: Some(Event::Connected), requested: false }
        );
        assert!(!layers.rising());
        assert_eq!(layers.send(vec![5]), Ok(vec![7, 8, 5]));
        assert_eq!(layers.receive(&[7, 8, 5]), Received { bytes: Ok(vec![5]), up: None, requested: false });
    }

    #[test]
    fn a_layer_that_gives_up_says_why() {
        let mut layers = Layers::default();
        layers.push(Box::new(Marking::new(7)));
        layers.push(Box::new(Marking::new(8)));
        let failed = |mark| Received { bytes: Err(TlsFailure::Peer(format!("no {mark}"))), up: None, requested: false };
        assert_eq!(layers.receive(&[9]), failed(7));
        assert_eq!(layers.receive(&[7, 9]), failed(8));
    }
}
