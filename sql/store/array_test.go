package store

import "testing"

func TestArray(t *testing.T) {
	t.Parallel()
	var texts, data, numbers, none array
	for _, text := range []string{"a", "", `q"uo,te`, `back\slash\`, "NULL", "{ż}"} {
		texts.text(text)
	}
	long := make([]byte, 33)
	long[32] = 0xff
	for _, bytes := range [][]byte{nil, {}, {0, 0x1f}, long} {
		data.bytes(bytes)
	}
	n := int64(-9007199254740993)
	numbers.number(&n)
	numbers.number(nil)
	for _, test := range []struct {
		array *array
		want  string
	}{
		{&texts, `{"a","","q\"uo,te","back\\slash\\","NULL","{ż}"}`},
		{&data, `{NULL,\\x,\\x001f,\\x0000000000000000000000000000000000000000000000000000000000000000ff}`},
		{&numbers, `{-9007199254740993,NULL}`},
		{&none, `{}`},
	} {
		if got := test.array.end(); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}
