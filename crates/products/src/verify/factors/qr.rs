//! QR codes of `otpauth://` addresses, as SVG and as PNG.

use qrcode::render::svg;
use qrcode::{Color, EcLevel, QrCode};

/// Modules of quiet around a code (ISO/IEC 18004 §5.3.8).
const QUIET: usize = 4;

/// Pixels of a module in a PNG.
const SCALE: usize = 6;

/// A code of `text`, or `None` when it is longer than a code can hold.
fn code(text: &str) -> Option<QrCode> {
    QrCode::with_error_correction_level(text, EcLevel::M).ok()
}

/// As SVG.
pub fn svg(text: &str) -> Option<String> {
    Some(code(text)?.render::<svg::Color<'_>>().min_dimensions(240, 240).build())
}

/// As PNG: grey, one bit a pixel.
pub fn png(text: &str) -> Option<Vec<u8>> {
    let code = code(text)?;
    let width = code.width();
    let side = (width + 2 * QUIET) * SCALE;
    let row_len = side.div_ceil(8);
    // A set bit is white.
    let mut pixels = vec![0xff_u8; row_len * side];
    let dark = code.to_colors().into_iter().enumerate().filter(|(_, c)| *c == Color::Dark);
    for (index, _) in dark {
        let (left, top) = ((index % width + QUIET) * SCALE, (index / width + QUIET) * SCALE);
        for y in top..top + SCALE {
            for x in left..left + SCALE {
                pixels[y * row_len + x / 8] &= !(0x80 >> (x % 8));
            }
        }
    }
    let mut file = Vec::new();
    let side = u32::try_from(side).ok()?;
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&pixels).ok()?;
    writer.finish().ok()?;
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_hold_the_same_code() {
        let text = "otpauth://totp/Owl:ann?secret=GEZDGNBVGY3TQOJQ&issuer=Owl";
        let file = png(text).expect("a PNG");
        let decoder = png::Decoder::new(std::io::Cursor::new(&file));
        let mut reader = decoder.read_info().expect("its header");
        let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
        let info = reader.next_frame(&mut pixels).expect("its pixels");
        let width = code(text).expect("a code").width();
        assert_eq!(info.width as usize, (width + 2 * QUIET) * SCALE);
        let at = |x: usize, y: usize| {
            let (x, y) = ((x + QUIET) * SCALE, (y + QUIET) * SCALE);
            pixels[y * info.line_size + x / 8] & (0x80 >> (x % 8)) == 0
        };
        let code = code(text).expect("a code");
        for (index, color) in code.to_colors().into_iter().enumerate() {
            assert_eq!(at(index % width, index / width), color == Color::Dark, "{index}");
        }
        assert!(svg(text).expect("an SVG").contains("<svg"));
        assert!(svg(&"x".repeat(4_000)).is_none() && png(&"x".repeat(4_000)).is_none());
    }
}
