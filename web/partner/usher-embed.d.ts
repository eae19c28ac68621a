// Types of usher-embed.js, which as a classic script defines UsherEmbed:
//
//   /// <reference path="usher-embed.d.ts" />

declare namespace UsherEmbed {
  /** Puts a frame into target, an element or a selector of one. */
  function mount(target: Element | string, options: Options): Handle;

  interface Options {
    /** Usher's address, such as "https://sso.example.com". */
    usher: string;
    /** Kind and id of what is to be shown. */
    kind: string;
    id: string;
    /** Your app id, the token's iss. */
    appId: string;
    /**
     * Asks your server for a new user token. It is called at the start and
     * whenever Usher needs another one, never twice at once, and has 20 s.
     */
    token: () => string | Promise<string>;
    /** What the frame is, for screen readers; "Embedded content" by default. */
    title?: string;
    /** The words while it loads, and when it cannot be loaded. */
    loading?: string;
    failed?: string;
    /** Bounds of the frame's height in CSS pixels; 32 and 10000 by default. */
    minHeight?: number;
    maxHeight?: number;

    onready?: (message: Ready) => void;
    onresize?: (message: Resize) => void;
    onsignedin?: (message: SignedIn) => void;
    onexpiring?: (message: Expiring) => void;
    onerror?: (message: Failure) => void;
    onevent?: (message: ContentEvent) => void;
  }

  interface Handle {
    /** Its data-state is "loading", "ready" or "error". */
    readonly iframe: HTMLIFrameElement;
    /** Listens to Usher's messages; what it returns ends that. */
    on<Type extends Message["type"]>(type: Type, listener: (message: Extract<Message, { type: Type }>) => void): () => void;
    /** Listens to an event of the content's own, such as "voteSuccess". */
    on(name: string, listener: (data: unknown) => void): () => void;
    /** Fetches a token now: after your user has changed, or to try again. */
    refresh(): Promise<void>;
    /** Takes the frame away, and every listener with it. */
    destroy(): void;
  }

  /** What the frame sends. Each is also an event on the iframe, as its detail. */
  type Message = Ready | Resize | SignedIn | Expiring | Failure | ContentEvent;

  /** The view stands. It comes again when the view was loaded again. */
  interface Ready {
    type: "usher:ready";
    kind: string;
    id: string;
    /** In CSS pixels. */
    height: number;
  }

  /** The content's height has changed. */
  interface Resize {
    type: "usher:resize";
    height: number;
  }

  /** The person is signed in inside the frame. */
  interface SignedIn {
    type: "usher:signed-in";
    /** What the browser let the frame keep the session by. */
    rung: "cookie" | "bearer" | "storage-access";
    /** Seconds that are left. */
    expiresIn: number;
    /** Whether a fresh token has made a session that stood last longer. */
    renewed: boolean;
  }

  /** The session ends soon: usher-embed.js answers with a token. */
  interface Expiring {
    type: "usher:expiring";
    expiresIn: number;
  }

  /**
   * Something went wrong. reason is one of Usher's reason codes, or one of
   * usher-embed.js's own: "token_unavailable" and "no_answer". reference finds
   * the case in Usher's log; it is "" when Usher was never asked.
   */
  interface Failure {
    type: "usher:error";
    reason: string;
    message: string;
    reference: string;
  }

  /**
   * The content says something. On the iframe it is an event under its own
   * name as well, with data as the detail.
   */
  interface ContentEvent {
    type: "usher:event";
    name: string;
    data: unknown;
  }

  /** What your page sends; usher-embed.js does it for you. */
  type Answer = { type: "usher:hello" } | { type: "usher:token"; token: string } | { type: "usher:no-token" };
}

interface Window {
  readonly UsherEmbed: Readonly<typeof UsherEmbed>;
}

interface HTMLElementEventMap {
  "usher:ready": CustomEvent<UsherEmbed.Ready>;
  "usher:resize": CustomEvent<UsherEmbed.Resize>;
  "usher:signed-in": CustomEvent<UsherEmbed.SignedIn>;
  "usher:expiring": CustomEvent<UsherEmbed.Expiring>;
  "usher:error": CustomEvent<UsherEmbed.Failure>;
  "usher:event": CustomEvent<UsherEmbed.ContentEvent>;
}
