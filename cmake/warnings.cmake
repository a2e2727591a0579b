# Warnings are errors, for every compiler and target.
add_compile_options(
  -Wall -Wextra -Werror
  -Wshadow -Wvla -Wundef -Wpointer-arith -Wwrite-strings
  -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition)
