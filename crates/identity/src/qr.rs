//! QR codes of links, for a terminal and as SVG.

use qrcode::{
    EcLevel, QrCode,
    render::{svg, unicode::Dense1x2},
};

/// The text is longer than a QR code can hold (2331 bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{len} bytes are more than a QR code holds: use fewer or shorter addresses")]
pub struct TooLongForQr {
    /// Length of the text in bytes.
    pub len: usize,
}

/// A QR code in half blocks, two modules to a character, with its quiet zone. Light modules are drawn in the
/// foreground colour, so that it scans on a dark terminal.
///
/// # Errors
/// [`TooLongForQr`].
pub fn qr_terminal(text: &str) -> Result<String, TooLongForQr> {
    let code = code(text)?;
    Ok(code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build())
}

/// A QR code as an SVG document of at least 256 by 256 units, black on white, with its quiet zone.
///
/// # Errors
/// [`TooLongForQr`].
pub fn qr_svg(text: &str) -> Result<String, TooLongForQr> {
    Ok(code(text)?.render::<svg::Color<'_>>().min_dimensions(256, 256).build())
}

fn code(text: &str) -> Result<QrCode, TooLongForQr> {
    QrCode::with_error_correction_level(text, EcLevel::M).map_err(|_| TooLongForQr { len: text.len() })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// The modules that the drawing shows: true for dark.
    fn modules(drawing: &str) -> Vec<Vec<bool>> {
        let half = |line: &str, upper: bool| {
            line.chars().map(|c| !matches!((c, upper), ('█', _) | ('▀', true) | ('▄', false))).collect()
        };
        drawing.lines().flat_map(|line| [half(line, true), half(line, false)]).collect()
    }

    #[test]
    fn the_terminal_shows_the_modules_of_the_code_within_a_quiet_zone() {
        let text = "frontdesk:contact/aaaa?at=/ip4/192.0.2.1/tcp/4001";
        let width = code(text).unwrap().width();
        let expected = code(text).unwrap().to_colors();
        let shown = modules(&qr_terminal(text).unwrap());
        for (y, row) in shown.iter().take(width + 8).enumerate() {
            assert_eq!(row.len(), width + 8);
            for (x, dark) in row.iter().enumerate() {
                let inside = (4..width + 4).contains(&x) && (4..width + 4).contains(&y);
                let expected =
                    inside && *expected.get((y - 4) * width + (x - 4)).unwrap() == qrcode::Color::Dark;
                assert_eq!(*dark, expected, "{x},{y}");
            }
        }
    }

    #[test]
    fn the_svg_is_one_document_in_black_on_white() {
        let svg = qr_svg("frontdesk:contact/aaaa").unwrap();
        assert!(svg.starts_with("<?xml") && svg.ends_with("</svg>"));
        assert!(svg.contains(r##"fill="#fff""##) && svg.contains(r##"fill="#000""##));
    }

    #[test]
    fn the_svg_blackens_the_modules_of_the_code_and_nothing_else() {
        let text = "frontdesk:contact/aaaa?at=/ip4/192.0.2.1/tcp/4001";
        let (code, svg) = (code(text).unwrap(), qr_svg(text).unwrap());
        let numbers = |text: &str| -> Vec<usize> {
            text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
        };
        let side =
            *numbers(svg.split_once("viewBox=\"").unwrap().1.split('"').next().unwrap()).get(2).unwrap();
        let unit = side / (code.width() + 8);
        assert_eq!(unit * (code.width() + 8), side);
        let black = svg.split_once(r##"fill="#000""##).unwrap();
        // The path is before or behind its colour.
        let path = [black.0.rsplit("<path").next().unwrap(), black.1].concat();
        let path = path.split_once("d=\"").unwrap().1.split('"').next().unwrap();
        let mut dark = vec![false; code.width() * code.width()];
        for rectangle in path.split('M').skip(1) {
            let rectangle = numbers(rectangle);
            let [left, top, width, height, ..] = rectangle.as_slice() else { panic!("{rectangle:?}") };
            for y in (top / unit)..((top + height) / unit) {
                for x in (left / unit)..((left + width) / unit) {
                    *dark.get_mut((y - 4) * code.width() + (x - 4)).unwrap() = true;
                }
            }
        }
        let expected: Vec<bool> =
            code.to_colors().iter().map(|color| *color == qrcode::Color::Dark).collect();
        assert_eq!(dark, expected);
    }

    #[test]
    fn the_longest_link_fits_and_a_longer_text_is_refused() {
        assert!(qr_terminal(&"a".repeat(crate::MAX_LINK)).is_ok());
        assert_eq!(qr_svg(&"a".repeat(3000)), Err(TooLongForQr { len: 3000 }));
    }
}
