package store

import "database/sql"

// dialect names a database, and through its methods what differs between the
// two. Everything else is written once, in the SQL that both understand.
type dialect string

const (
	postgres dialect = "postgres"
	sqlite   dialect = "sqlite"
)

// forUpdate ends a SELECT whose row must not change before the commit. SQLite
// has one writer at a time and needs (and knows) no row locks.
func (d dialect) forUpdate() string {
	if d == postgres {
		return " FOR UPDATE"
	}
	return ""
}

// forChange is forUpdate for a row whose key stays: what refers to the row need
// not wait.
func (d dialect) forChange() string {
	if d == postgres {
		return " FOR NO KEY UPDATE"
	}
	return ""
}

// forShare ends a SELECT whose rows must be there until the commit, while others
// may ask for the same.
func (d dialect) forShare() string {
	if d == postgres {
		return " FOR KEY SHARE"
	}
	return ""
}

// skipLocked ends a SELECT that takes rows of one table which nobody else is
// taking.
func (d dialect) skipLocked(table string) string {
	if d == postgres {
		return " FOR UPDATE OF " + table + " SKIP LOCKED"
	}
	return ""
}

// snapshot is a transaction whose statements all speak of the same moment.
func (dialect) snapshot() *sql.TxOptions {
	return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
}

// bytewise makes a text column compare byte by byte, as SQLite's always do: the
// beginnings of texts are then a range.
func (d dialect) bytewise() string {
	if d == postgres {
		return ` COLLATE "C"`
	}
	return ""
}

// indexedBy tells SQLite which index of a table to walk along, where it would
// take one that fits more of the conditions and sort afterwards. PostgreSQL
// knows the sizes and finds it by itself.
func (d dialect) indexedBy(index string) string {
	if d == sqlite {
		return " INDEXED BY " + index
	}
	return ""
}

// jsonObject and jsonArray are the functions that build JSON in a query.
func (d dialect) jsonObject() string {
	if d == postgres {
		return "json_build_object"
	}
	return "json_object"
}

func (d dialect) jsonArray() string {
	if d == postgres {
		return "json_agg"
	}
	return "json_group_array"
}

// among compares with the rows of a query. PostgreSQL is told to make a list of
// them first, which leads it to the index; its guess for a query of unknown
// size is to read the whole table.
func (d dialect) among(query string) string {
	if d == postgres {
		return "= ANY (ARRAY(" + query + "))"
	}
	return "IN (" + query + ")"
}

// jsonEach is the function that yields the elements of a JSON array of
// strings as rows with the text column "value".
func (d dialect) jsonEach() string {
	if d == postgres {
		return "json_array_elements_text"
	}
	return "json_each"
}

// asID makes an id of an expression that yields it as text.
func (d dialect) asID(expression string) string {
	if d == postgres {
		return "CAST(" + expression + " AS uuid)"
	}
	return expression
}
