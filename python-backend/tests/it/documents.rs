use python_backend::SERVICE;
use space_kit::testing::{assert_contract_fits, assert_documented};

#[test]
fn the_contract_lists_exactly_the_routes() {
    assert_contract_fits(&SERVICE);
}

#[test]
fn the_manual_and_the_example_file_say_what_the_parser_does() {
    assert_documented(&SERVICE, include_str!("../../README.md"), include_str!("../../.env.example"));
}
