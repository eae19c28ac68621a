package provisioning

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"usher/sql/store"
)

const (
	// MaxImport is the most that an import of one request may have, in bytes, and
	// MaxImportFile the same of a file that a command reads.
	MaxImport     = 200 << 10
	MaxImportFile = 16 << 20
	// maxImportFaults is how many faults of an import are told at once.
	maxImportFaults = 20
)

// CatalogRow is a row of an import: a group or a credit.
type CatalogRow struct {
	Kind        string `json:"kind"` // group or credit
	ID          string `json:"id"`   // a group's external id; a credit's number
	Name        string `json:"name"` // of a group may be "": the id
	Description string `json:"description,omitempty"`
	credit      int64
}

// ReadCatalog reads groups and credits: as CSV (RFC 4180) whose first line
// names the columns kind, id, name and, if wanted, description; or as JSON
// lines, each an object with these members. The error is one or more
// *Invalid, each naming its line; the rows are good as a whole or not at all.
func ReadCatalog(text []byte) ([]CatalogRow, error) { return readCatalog(text, MaxImport) }

// ReadCatalogFile is ReadCatalog for what a command reads.
func ReadCatalogFile(text []byte) ([]CatalogRow, error) { return readCatalog(text, MaxImportFile) }

func readCatalog(text []byte, most int) ([]CatalogRow, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	switch {
	case len(text) > most:
		return nil, invalid("rows", "at most %d KiB at once", most>>10)
	case !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0:
		return nil, invalid("rows", "text in UTF-8 without NUL characters")
	case len(bytes.TrimSpace(text)) == 0:
		return nil, invalid("rows", "at least one group or credit")
	}
	read := readCatalogCSV
	if bytes.TrimSpace(text)[0] == '{' {
		read = readCatalogJSON
	}
	var rows []CatalogRow
	var faults []error
	seen := map[string]int{}
	err := read(text, func(line int, row CatalogRow, err error) bool {
		if err == nil {
			err = row.check()
		}
		if err == nil {
			name := row.Kind + " " + row.ID
			if first := seen[name]; first > 0 {
				err = fmt.Errorf("the %s is there already, in line %d", name, first)
			} else {
				seen[name] = line
				rows = append(rows, row)
			}
		}
		if err != nil {
			faults = append(faults, invalid(fmt.Sprintf("line %d", line), "%s", err))
		}
		return len(faults) < maxImportFaults
	})
	if err := errors.Join(append(faults, err)...); err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, invalid("rows", "at least one group or credit")
	}
	return rows, nil
}

// check brings a row into its kept form.
func (r *CatalogRow) check() error {
	switch r.Kind {
	case "group":
		if err := checkExternalID(r.ID); err != nil {
			return fmt.Errorf("id: %s", err.Problem)
		}
		if r.Name == "" {
			r.Name = r.ID
		}
	case "credit":
		id, err := strconv.ParseInt(r.ID, 10, 64)
		if err != nil || id < 1 || id > maxCreditID || strconv.FormatInt(id, 10) != r.ID {
			return fmt.Errorf("id: a whole number from 1 to %d", int64(maxCreditID))
		}
		r.credit = id
		if r.Description != "" {
			return errors.New("description: a credit has none")
		}
	default:
		return errors.New("kind: group or credit")
	}
	name, err := checkName(r.Name)
	if err != nil {
		return err
	}
	r.Name = name
	if utf8.RuneCountInString(r.Description) > maxDescriptionRunes || strings.ContainsFunc(r.Description, isControl) {
		return fmt.Errorf("description: at most %d characters, no control characters", maxDescriptionRunes)
	}
	return nil
}

// maxDescriptionRunes is how long a group's description may be.
const maxDescriptionRunes = 500

func readCatalogCSV(text []byte, take func(line int, row CatalogRow, err error) bool) error {
	reader := csv.NewReader(bytes.NewReader(text))
	reader.FieldsPerRecord = -1
	header, err := reader.Read()
	if err != nil {
		return invalid("line 1", "the names of the columns: kind, id, name, description")
	}
	columns := map[string]int{}
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(name))
		_, again := columns[name]
		if again || !slices.Contains([]string{"kind", "id", "name", "description"}, name) {
			return invalid("line 1", "the names of the columns, each once: kind, id, name, description")
		}
		columns[name] = i
	}
	for _, needed := range []string{"kind", "id", "name"} {
		if _, there := columns[needed]; !there {
			return invalid("line 1", "the column %s is missing", needed)
		}
	}
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if wrong, ok := errors.AsType[*csv.ParseError](err); ok {
			return invalid(fmt.Sprintf("line %d", wrong.Line), "the quotes do not match (RFC 4180)")
		} else if err != nil {
			return fmt.Errorf("provisioning: import: %w", err)
		}
		line, _ := reader.FieldPos(0)
		var row CatalogRow
		var wrong error
		if len(record) != len(header) {
			wrong = fmt.Errorf("%d columns, as the first line has", len(header))
		} else {
			row.Kind, row.ID, row.Name = record[columns["kind"]], record[columns["id"]], record[columns["name"]]
			if at, there := columns["description"]; there {
				row.Description = record[at]
			}
		}
		if !take(line, row, wrong) {
			return nil
		}
	}
}

func readCatalogJSON(text []byte, take func(line int, row CatalogRow, err error) bool) error {
	number := 0
	for line := range bytes.Lines(text) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		row, err := readCatalogLine(line)
		if !take(number, row, err) {
			return nil
		}
	}
	return nil
}

func readCatalogLine(line []byte) (CatalogRow, error) {
	if err := CheckJSON(line); err != nil {
		return CatalogRow{}, errors.New("one JSON object without repeated members")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(line, &members); err != nil || members == nil {
		return CatalogRow{}, errors.New("one JSON object")
	}
	var row CatalogRow
	for name, value := range members {
		into, known := map[string]*string{
			"kind": &row.Kind, "id": &row.ID, "name": &row.Name, "description": &row.Description,
		}[name]
		if !known {
			return CatalogRow{}, fmt.Errorf("there is no member %.40q: kind, id, name, description", name)
		}
		if name == "id" && strings.Trim(string(value), "0123456789") == "" { // a credit's may be a number
			*into = string(value)
			continue
		}
		if json.Unmarshal(value, into) != nil || string(value) == "null" {
			return CatalogRow{}, fmt.Errorf("%s: a text", name)
		}
	}
	if strings.ContainsRune(row.ID+row.Name+row.Kind+row.Description, 0) {
		return CatalogRow{}, errors.New("no NUL characters")
	}
	return row, nil
}

// ImportCatalog checks groups and credits as a whole (see ReadCatalog), and
// starts the job that writes them: those that are there already are renamed.
func (s *Service) ImportCatalog(ctx context.Context, tenant store.Tenant, text []byte, by By) (Job, error) {
	rows, err := ReadCatalog(text)
	if err != nil {
		return Job{}, err
	}
	return s.ImportRows(ctx, tenant, rows, by)
}

// ImportRows is ImportCatalog for rows that were read.
func (s *Service) ImportRows(ctx context.Context, tenant store.Tenant, rows []CatalogRow, by By) (Job, error) {
	var parts [][]byte
	for batch := range slices.Chunk(rows, jobBatch) {
		part, err := json.Marshal(batch)
		if err != nil {
			return Job{}, fmt.Errorf("provisioning: import: %w", err)
		}
		parts = append(parts, part)
	}
	return s.startJob(ctx, tenant, JobImportCatalog, importWish{Rows: len(rows)}, parts, by)
}

type importWish struct {
	Rows int `json:"rows"`
}

// imported is the result of JobImportCatalog.
type imported struct {
	Parts   int64 `json:"parts"`
	Added   int64 `json:"added"`
	Changed int64 `json:"changed"`
	Same    int64 `json:"same"`
}

func (s *Service) checkImport(_ context.Context, _ store.Tenant, parameters []byte) error {
	var wish importWish
	if err := json.Unmarshal(parameters, &wish); err != nil || wish.Rows < 1 {
		return invalid("parameters", "an import needs its rows")
	}
	return nil
}

// importCatalog writes the rows of the next part.
func (s *Service) importCatalog(ctx context.Context, b *store.Batch) (func(context.Context) error, error) {
	var wish importWish
	var result imported
	if err := errors.Join(json.Unmarshal([]byte(b.Job.Parameters), &wish), json.Unmarshal([]byte(b.Job.Result), &result)); err != nil {
		return nil, err
	}
	sealed, err := b.Part(ctx, result.Parts+1)
	switch {
	case errors.Is(err, ErrNotFound) && b.Job.Done == int64(wish.Rows):
		b.Finish()
		return nil, nil
	case errors.Is(err, ErrNotFound):
		return nil, invalid("rows", "they are gone: an import has to begin within a day")
	case err != nil:
		return nil, err
	}
	plain, err := s.sealer.Open(sealed, placeOfPart(b.Job, result.Parts+1)...)
	if err != nil {
		return nil, fmt.Errorf("part %d of job %s: %w", result.Parts+1, b.Job.ID, err)
	}
	var rows []CatalogRow
	if err := json.Unmarshal(plain, &rows); err != nil {
		return nil, fmt.Errorf("provisioning: import: %w", err)
	}
	// First, in the lock order of sign-ins.
	if err := b.CatalogChanged(ctx); err != nil {
		return nil, err
	}
	for _, row := range rows {
		if err := row.check(); err != nil {
			return nil, fmt.Errorf("provisioning: import: %w", err)
		}
		outcome, err := writeCatalogRow(ctx, b, row)
		if err != nil {
			return nil, err
		}
		switch outcome {
		case store.ImportAdded:
			result.Added++
		case store.ImportChanged:
			result.Changed++
		case store.ImportSame:
			result.Same++
		}
	}
	result.Parts++
	b.Job.Total = int64(wish.Rows)
	b.Job.Done += int64(len(rows))
	return nil, b.SetResult(result)
}

func writeCatalogRow(ctx context.Context, b *store.Batch, row CatalogRow) (store.ImportOutcome, error) {
	if row.Kind == "credit" {
		return b.ImportCredit(ctx, store.Credit{ID: row.credit, Name: row.Name, CreatedAt: b.Now()})
	}
	id, err := store.NewID()
	if err != nil {
		return "", err
	}
	return b.ImportGroup(ctx, store.Group{
		ID: id, ExternalID: row.ID, Name: row.Name, Description: row.Description, CreatedAt: b.Now(),
	})
}
