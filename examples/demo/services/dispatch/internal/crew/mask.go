package crew

import "strings"

// Mask keeps the first letter of a value.
func Mask(value string) string {
	if value == "" {
		return ""
	}
	first := []rune(value)[:1]
	return string(first) + strings.Repeat("*", 3)
}
