package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
)

// By is who asks for a change, for the journal and the audit log.
type By struct {
	Actor     string // a kind and an id: "admin 0190…", "api_key …", "command"
	Name      string // how that actor was called then, for people
	Reference string // the request's reference id; "" for a command

	// IfMatch lists the revisions of the changed object of which one has to be
	// the present one (RFC 9110 §13.1.1); nil = any. Otherwise nothing is
	// written, and the error is ErrChanged.
	IfMatch []int64
	// MustExist is If-Match: *, for what makes an object that is not there.
	MustExist bool
	// Attempt is set for a request with an Idempotency-Key.
	Attempt *Attempt
}

// ErrChanged means that the object is not, or no longer, as the caller has
// seen it.
var ErrChanged = errors.New("the object has changed since it was read")

// expects returns ErrChanged unless the caller may change the object as it is.
// It is asked once the object's row is locked.
func (b By) expects(revision int64) error {
	if b.IfMatch != nil && !slices.Contains(b.IfMatch, revision) {
		return ErrChanged
	}
	return nil
}

// Act is one administrative act. It is recorded in the transaction of what it
// did: no act without its row, and no row without its act.
type Act struct {
	By     By
	Action string // stable code in the past tense: "integration_installed"
	Object string // a kind and an id: "integration 0190…"
	// Detail becomes a JSON object. It holds no secret and no personal data:
	// rows of this log cannot be taken out again when somebody is erased.
	Detail map[string]any
	// SecretOf is the id of the key whose secret this act's answer shows; "" =
	// none. An answer that is kept for repetitions is destroyed with the key.
	SecretOf string
}

// nothing reports whether an act has no action: what was wished is so already,
// and nothing is written.
func (a Act) nothing() bool { return a.Action == "" }

// AuditRow is an act as it was recorded.
type AuditRow struct {
	Seq       int64  `db:"seq" json:"seq"`
	At        int64  `db:"at" json:"at"` // microseconds since 1970
	Actor     string `db:"actor" json:"actor"`
	ActorName string `db:"actor_name" json:"actor_name"`
	Action    string `db:"action" json:"action"`
	Object    string `db:"object" json:"object"`
	Detail    string `db:"detail" json:"detail"` // a JSON object
	Reference string `db:"reference" json:"reference"`
	Hash      Hex    `db:"hash" json:"hash"`
}

// AuditHead is both ends of a tenant's chain.
type AuditHead struct {
	Seq      int64 `db:"seq" json:"seq"` // 0 = nothing was ever recorded
	Hash     Hex   `db:"hash" json:"hash"`
	BaseSeq  int64 `db:"base_seq" json:"base_seq"` // the last row that retention has dropped; 0 = none
	BaseHash Hex   `db:"base_hash" json:"base_hash"`
}

// Time is when it was recorded.
func (r AuditRow) Time() time.Time { return time.UnixMicro(r.At).UTC() }

// HashAfter is the hash that this row has in its tenant's chain behind a row
// with the hash previous (nothing before the first): SHA-256 over a JSON array
// of the texts and numbers, in this order.
func (r AuditRow) HashAfter(tenant string, previous []byte) []byte {
	text, err := json.Marshal([]any{
		"usher audit 1", tenant, hex.EncodeToString(previous), r.Seq, r.At, r.Actor, r.ActorName, r.Action, r.Object,
		r.Detail, r.Reference,
	})
	if err != nil {
		panic(fmt.Sprintf("texts and numbers do not encode: %v", err))
	}
	sum := sha256.Sum256(text)
	return sum[:]
}

// record appends an act to its tenant's chain. It comes last in a transaction:
// the head's row is locked, and every other act of the tenant waits for it.
func (s *Store) record(ctx context.Context, tx *sqlx.Tx, tenant string, act Act) error {
	if act.Action == "" || act.By.Actor == "" {
		return errors.New("store: an act without an actor or an action")
	}
	detail := act.Detail
	if detail == nil {
		detail = map[string]any{}
	}
	text, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("store: audit: %w", err)
	}
	if err := acted(ctx, tx, act.By.Attempt, act.SecretOf); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `
INSERT INTO audit_heads (tenant_id, seq, hash, base_seq, base_hash) VALUES ($1, 0, $2, 0, $2)
ON CONFLICT DO NOTHING`, tenant, []byte{}); err != nil {
		return err
	}
	var head AuditHead
	err = tx.GetContext(ctx, &head, `
SELECT seq, hash, base_seq, base_hash FROM audit_heads WHERE tenant_id = $1`+s.dialect.forUpdate(), tenant)
	if err != nil {
		return err
	}
	row := AuditRow{
		Seq: head.Seq + 1, At: s.now().UnixMicro(), Actor: act.By.Actor, ActorName: act.By.Name, Action: act.Action,
		Object: act.Object, Detail: string(text), Reference: act.By.Reference,
	}
	row.Hash = row.HashAfter(tenant, head.Hash)
	if _, err := tx.ExecContext(ctx, `
INSERT INTO audit_log (tenant_id, seq, at, actor, actor_name, action, object, detail, reference, hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		tenant, row.Seq, row.At, row.Actor, row.ActorName, row.Action, row.Object, row.Detail, row.Reference,
		[]byte(row.Hash)); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE audit_heads SET seq = $1, hash = $2 WHERE tenant_id = $3`,
		row.Seq, []byte(row.Hash), tenant)
	return err
}

// AuditHead returns both ends of a tenant's chain; zero when it is empty.
func (s *Store) AuditHead(ctx context.Context, tenant string) (AuditHead, error) {
	var head AuditHead
	err := fault(s.read.GetContext(ctx, &head,
		`SELECT seq, hash, base_seq, base_hash FROM audit_heads WHERE tenant_id = $1`, tenant))
	if errors.Is(err, ErrNotFound) {
		return AuditHead{}, nil
	}
	return head, err
}

// AuditAfter returns a tenant's rows with a number above seq, oldest first, at
// most limit.
func (s *Store) AuditAfter(ctx context.Context, tenant string, seq int64, limit int) ([]AuditRow, error) {
	var rows []AuditRow
	err := s.read.SelectContext(ctx, &rows, `
SELECT seq, at, actor, actor_name, action, object, detail, reference, hash
  FROM audit_log WHERE tenant_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`, tenant, seq, limit)
	return rows, fault(err)
}

// AuditFilter narrows the audit log; "" and 0 stand for any.
type AuditFilter struct {
	Actor, Action, Object string // exactly as recorded
	Before                int64  // only rows with a smaller number
}

// AuditPage returns a tenant's rows that fit the filter, newest first, at most
// limit.
func (s *Store) AuditPage(ctx context.Context, tenant string, f AuditFilter, limit int) ([]AuditRow, error) {
	query, args := `
SELECT seq, at, actor, actor_name, action, object, detail, reference, hash FROM audit_log WHERE tenant_id = $1`, []any{tenant}
	for _, column := range []struct{ name, value string }{{"actor", f.Actor}, {"action", f.Action}, {"object", f.Object}} {
		if column.value != "" {
			args = append(args, column.value)
			query += fmt.Sprintf(` AND %s = $%d`, column.name, len(args))
		}
	}
	if f.Before != 0 {
		args = append(args, f.Before)
		query += fmt.Sprintf(` AND seq < $%d`, len(args))
	}
	args = append(args, limit)
	query += fmt.Sprintf(` ORDER BY seq DESC LIMIT $%d`, len(args))
	var rows []AuditRow
	err := s.read.SelectContext(ctx, &rows, query, args...)
	return rows, fault(err)
}

// ActorNames returns how each of these actors was called when it last acted in a
// tenant. Those of whom no row tells, or none any more, are missing.
func (s *Store) ActorNames(ctx context.Context, tenant string, actors []string) (map[string]string, error) {
	names := map[string]string{}
	for _, actor := range actors {
		var name string
		err := fault(s.read.GetContext(ctx, &name, `
SELECT actor_name FROM audit_log WHERE actor = $1 AND tenant_id = $2 ORDER BY seq DESC LIMIT 1`, actor, tenant))
		switch {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			return nil, err
		default:
			names[actor] = name
		}
	}
	return names, nil
}

// ForgetAudit drops a tenant's oldest rows from before a time, at most limit,
// and returns how many. What is left is still a chain: the head keeps the
// number and the hash of the last row dropped. A row that is younger keeps
// those behind it, whatever their clocks said.
func (s *Store) ForgetAudit(ctx context.Context, tenant string, before time.Time, limit int) (int, error) {
	dropped := 0
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		dropped = 0
		var head AuditHead
		err := tx.GetContext(ctx, &head, `
SELECT seq, hash, base_seq, base_hash FROM audit_heads WHERE tenant_id = $1`+s.dialect.forUpdate(), tenant)
		if err != nil {
			return err
		}
		var rows []AuditRow
		err = tx.SelectContext(ctx, &rows, `
SELECT seq, at, actor, actor_name, action, object, detail, reference, hash
  FROM audit_log WHERE tenant_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`, tenant, head.BaseSeq, limit)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.At >= before.UnixMicro() {
				break
			}
			head.BaseSeq, head.BaseHash = row.Seq, row.Hash
			dropped++
		}
		if dropped == 0 {
			return nil
		}
		if _, err := tx.ExecContext(ctx,
			`DELETE FROM audit_log WHERE tenant_id = $1 AND seq <= $2`, tenant, head.BaseSeq); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE audit_heads SET base_seq = $1, base_hash = $2 WHERE tenant_id = $3`,
			head.BaseSeq, []byte(head.BaseHash), tenant)
		return err
	})
	if errors.Is(err, ErrNotFound) { // nothing was ever recorded
		return 0, nil
	}
	if err == nil {
		s.dropped.count("audit_log", int64(dropped))
	}
	return dropped, err
}
