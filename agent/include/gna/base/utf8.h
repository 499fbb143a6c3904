// What is text.
#pragma once

#include <cstddef>
#include <string_view>

namespace gna {

// Bytes of the character at the start of `bytes`; 0: there is none, or it is not well-formed (overlong forms,
// surrogates and what is beyond U+10FFFF are not).
//
// Source: The Unicode Standard, table 3-7.
std::size_t utf8_length(std::string_view bytes);

// Is every byte part of a well-formed character?
bool is_utf8(std::string_view bytes);

}  // namespace gna
