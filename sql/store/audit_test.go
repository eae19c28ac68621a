package store_test

import "usher/sql/store"

// byTest is some act of somebody.
var byTest = store.Act{By: store.By{Actor: "command", Name: "a test"}, Action: "tested", Object: "test 1"}
