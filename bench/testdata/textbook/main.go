// Command textbook is the sign-in that is usually written by hand: check the
// token with a library, bring the person up to date in one transaction of ten
// statements, keep a session in Redis, set a cookie. The benchmark sets Usher
// against it, on the same tables, with the same router, libraries and stores.
//
// It is not meant to be used: two tokens of one person at the same time leave
// groups of both.
package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"runtime"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/lib/pq"
	"github.com/redis/go-redis/v9"
)

// setup is what it is told, as JSON in the environment.
type setup struct {
	Address, DatabaseURL, RedisURL string
	Secret                         string // of the partner
	Tenant, Integration            string // ids
}

type claims struct {
	Email     string   `json:"email"`
	FirstName string   `json:"firstName"`
	LastName  string   `json:"lastName"`
	Groups    []string `json:"groups"`
	Credits   []struct {
		OrderID string `json:"orderId"`
		ID      int64  `json:"id"`
	} `json:"credits"`
	jwt.RegisteredClaims
}

type server struct {
	setup
	db    *sql.DB
	redis *redis.Client
}

func main() {
	s := &server{}
	if err := json.Unmarshal([]byte(os.Getenv("TEXTBOOK")), &s.setup); err != nil {
		log.Fatal(err)
	}
	db, err := sql.Open("postgres", s.DatabaseURL)
	if err != nil {
		log.Fatal(err)
	}
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	options, err := redis.ParseURL(s.RedisURL)
	if err != nil {
		log.Fatal(err)
	}
	s.db, s.redis = db, redis.NewClient(options)
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.GET("/readyz", func(c *gin.Context) { c.Status(http.StatusOK) })
	engine.GET("/metrics", heap)
	engine.GET("/auth/callback/jwt-auth", s.callback)
	log.Fatal(http.ListenAndServe(s.Address, engine))
}

// heap tells what the process has allocated so far.
func heap(c *gin.Context) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	c.String(http.StatusOK, "go_memstats_mallocs_total %d\ngo_memstats_alloc_bytes_total %d\n", m.Mallocs, m.TotalAlloc)
}

func (s *server) callback(c *gin.Context) {
	var said claims
	_, err := jwt.ParseWithClaims(c.Query("token"), &said,
		func(*jwt.Token) (any, error) { return []byte(s.Secret), nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuedAt())
	if err != nil {
		c.String(http.StatusUnauthorized, "this link is not valid")
		return
	}
	user, err := s.synchronize(c.Request.Context(), said)
	if err != nil {
		log.Print(err)
		c.String(http.StatusInternalServerError, "something went wrong")
		return
	}
	session, err := json.Marshal(map[string]any{
		"user": user, "email": said.Email, "name": said.FirstName + " " + said.LastName, "groups": said.Groups,
	})
	if err != nil {
		c.Status(http.StatusInternalServerError)
		return
	}
	id := rand.Text()
	if err := s.redis.Set(c.Request.Context(), "textbook:"+id, session, 10*time.Minute).Err(); err != nil {
		c.Status(http.StatusInternalServerError)
		return
	}
	http.SetCookie(c.Writer, &http.Cookie{Name: "session", Value: id, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	c.Redirect(http.StatusSeeOther, "/welcome")
}

// synchronize makes the person's rows what the token says.
func (s *server) synchronize(ctx context.Context, said claims) (user string, err error) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = tx.Rollback() }() // of no effect after the commit
	var identity string
	err = tx.QueryRowContext(ctx, `SELECT id, user_id FROM identities WHERE tenant_id = $1 AND integration_id = $2 AND subject = $3`,
		s.Tenant, s.Integration, said.Subject).Scan(&identity, &user)
	if err != nil {
		return "", fmt.Errorf("identity: %w", err)
	}
	key := sha256.Sum256([]byte(said.ID))
	used, err := tx.ExecContext(ctx, `INSERT INTO used_tokens (tenant_id, integration_id, token_key, identity_id, issued_at, attempt, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`, s.Tenant, s.Integration, key[:], identity,
		said.IssuedAt.UnixMicro(), uuid.NewString(), said.IssuedAt.Add(240*time.Second).UnixMicro())
	if err != nil {
		return "", fmt.Errorf("used token: %w", err)
	}
	if n, err := used.RowsAffected(); err != nil || n != 1 {
		return "", fmt.Errorf("the token was used before: %w", err)
	}
	_, err = tx.ExecContext(ctx, `UPDATE users SET email = $3, email_key = $4, first_name = $5, last_name = $6, updated_at = $7
WHERE tenant_id = $1 AND id = $2`, s.Tenant, user, said.Email, said.Email, said.FirstName, said.LastName, time.Now())
	if err != nil {
		return "", fmt.Errorf("user: %w", err)
	}
	if err := s.groups(ctx, tx, user, said.Groups); err != nil {
		return "", fmt.Errorf("groups: %w", err)
	}
	orders, ids := make([]string, len(said.Credits)), make([]int64, len(said.Credits))
	for i, credit := range said.Credits {
		orders[i], ids[i] = credit.OrderID, credit.ID
	}
	_, err = tx.ExecContext(ctx, `UPDATE grants SET revoked_at = now() WHERE tenant_id = $1 AND user_id = $2 AND integration_id = $3
AND revoked_at IS NULL AND order_id <> ALL ($4)`, s.Tenant, user, s.Integration, pq.Array(orders))
	if err != nil {
		return "", fmt.Errorf("grants: %w", err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO grants (tenant_id, user_id, integration_id, order_id, credit_id, granted_at)
SELECT $1, $2, $3, wanted.order_id, wanted.id, now() FROM unnest($4::text[], $5::bigint[]) AS wanted(order_id, id) ON CONFLICT DO NOTHING`,
		s.Tenant, user, s.Integration, pq.Array(orders), pq.Array(ids))
	if err != nil {
		return "", fmt.Errorf("grants: %w", err)
	}
	return user, tx.Commit()
}

func (s *server) groups(ctx context.Context, tx *sql.Tx, user string, wanted []string) error {
	rows, err := tx.QueryContext(ctx, `SELECT id FROM groups WHERE tenant_id = $1 AND external_id = ANY ($2)`, s.Tenant, pq.Array(wanted))
	if err != nil {
		return err
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if len(ids) != len(wanted) {
		return fmt.Errorf("got %d groups of %d", len(ids), len(wanted))
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM group_members WHERE tenant_id = $1 AND user_id = $2 AND source = $3 AND group_id <> ALL ($4)`,
		s.Tenant, user, s.Integration, pq.Array(ids))
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO group_members (tenant_id, user_id, group_id, source, pinned, created_at)
SELECT $1, $2, wanted, $3, false, now() FROM unnest($4::uuid[]) AS wanted ON CONFLICT DO NOTHING`,
		s.Tenant, user, s.Integration, pq.Array(ids))
	return err
}
