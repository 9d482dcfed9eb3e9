//! Arbitrary lawful values come back from their bytes, and their bytes from them.

use crate::{
    arbitrary::{body, content, frame, profile},
    people::{NOW, Who, admin_chain},
};
use frontdesk_capability::Revocations;
use frontdesk_identity::codec;
use frontdesk_wire::{Body, Data, Frame, JoinRequest, LinkSeq, SignedContent, SignedProfile, limits};
use proptest::prelude::*;
use serde_bytes::{ByteArray, ByteBuf};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_frame_comes_back_and_so_do_its_bytes(frame in frame()) {
        let bytes = frame.encode().unwrap();
        prop_assert!(bytes.len() <= limits::MAX_FRAME);
        let back = Frame::decode(&bytes).unwrap();
        prop_assert_eq!(&back, &frame);
        prop_assert_eq!(back.encode().unwrap(), bytes);
    }

    #[test]
    fn a_body_comes_back_and_so_do_its_bytes_and_it_fits_into_a_frame(body in body()) {
        let bytes = body.encode().unwrap();
        let data = Frame::Data(Data { seq: LinkSeq(u64::MAX), body: ByteBuf::from(bytes.clone()) });
        prop_assert!(data.encode().unwrap().len() <= limits::MAX_FRAME);
        let back = Body::decode(&bytes).unwrap();
        prop_assert_eq!(&back, &body);
        prop_assert_eq!(back.encode().unwrap(), bytes);
    }

    #[test]
    fn a_content_comes_back_verified_and_so_do_its_bytes(content in content()) {
        let signed = content.sign(&Who::CarlasPhone.key()).unwrap();
        let bytes = signed.encode().unwrap();
        let back = SignedContent::decode(&bytes).unwrap();
        prop_assert_eq!(back.verify().unwrap(), content.clone());
        prop_assert_eq!(back.read().unwrap(), content);
        prop_assert_eq!(back.encode().unwrap(), bytes);
    }

    #[test]
    fn a_profile_comes_back_verified_and_so_do_its_bytes(profile in profile()) {
        let signed = profile.sign(&Who::Admin.key(), admin_chain().into_bytes()).unwrap();
        let bytes = codec::encode(&signed).unwrap();
        let back: SignedProfile = codec::decode(&bytes, limits::MAX_SIGNED_PROFILE).unwrap();
        let verified = back.verify(&Who::Acme.principal(), NOW, &Revocations::new()).unwrap();
        prop_assert_eq!(verified, profile);
        prop_assert_eq!(codec::encode(&back).unwrap(), bytes);
    }

    /// Each field that people compare the short number for is in it.
    #[test]
    fn transcripts_differ_when_anything_in_them_differs(
        body in body(), nonces: [[u8; 16]; 2], commitment: [u8; 32], name: String
    ) {
        let Body::JoinRequest(request) = body else { return Ok(()) };
        let [administrator, joiner] = nonces.map(ByteArray::new);
        let changed = [
            JoinRequest { commitment: ByteArray::new(commitment), ..request.clone() },
            JoinRequest { name, ..request.clone() },
            JoinRequest { record: Who::Ana.record(Who::Acme), ..request.clone() },
        ];
        let three = |of: &JoinRequest| {
            let (challenge, full) =
                (of.challenge_transcript(&administrator), of.full_transcript(&administrator, &joiner));
            [of.transcript().unwrap(), challenge.unwrap(), full.unwrap()]
        };
        let [transcript, challenge, full] = three(&request);
        prop_assert!(transcript != challenge && challenge != full && full != transcript);
        if administrator != joiner {
            prop_assert_ne!(&challenge, &request.challenge_transcript(&joiner).unwrap());
            prop_assert_ne!(&full, &request.full_transcript(&joiner, &administrator).unwrap());
            prop_assert_ne!(&full, &request.full_transcript(&administrator, &administrator).unwrap());
        }
        for other in changed.into_iter().filter(|other| *other != request) {
            for (theirs, ours) in three(&other).iter().zip([&transcript, &challenge, &full]) {
                prop_assert_ne!(theirs, ours);
            }
        }
    }
}
