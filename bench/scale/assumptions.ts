/** The assumptions of the model: bytes per day, their distribution, and properties of files and clients. */
export const BYTES_PER_DAY = 1e15;
/** The load of the busiest minutes, relative to the mean of the day. */
export const PEAK = 3;
export const OPEN_SESSIONS = 10_000_000;
/** The share of an open session's parts that is stored. */
export const STORED_SHARE = 0.5;
export const FILE_SIZES: readonly number[] = [100e6, 1e9, 10e9];
export const NODES: readonly number[] = [10, 100, 1000];
/** Bytes per second of one client's connection. Its part uses spool space for as long as it takes. */
export const CLIENT_SPEED = 2e6;
/** The default number of PostgreSQL connections of a node. */
export const POOL = 10;
/** The maximum number of other connections of a node: for notifications, readiness checks and the leader lock. */
export const OTHER_CONNECTIONS = 3;
/** PARTWAY_SESSION_TTL: how long a committed session and its parts are kept. */
export const KEPT_DAYS = 7;
/** The limit of PostgreSQL without a connection pooler: beyond several hundred, each connection slows down all others. */
export const CONNECTIONS_WITHOUT_POOLER = 500;
/** Statements: three per part; eleven to create a session, one for its first part on a node, sixteen to commit it. */
export const STATEMENTS_PER_PART = 3;
export const STATEMENTS_PER_UPLOAD = 28;
/** In US dollars, AWS's price for S3 Standard in us-east-1. Prices change, so look up yours. */
export const PRICE_PER_WRITE_REQUEST = 0.005 / 1000;
/** Blobs per list request of a bucket, and blobs per query of garbage collection. */
export const KEYS_PER_LIST_REQUEST = 1000;
export const BLOBS_PER_QUERY = 100;
export const BUCKETS: readonly number[] = [1e6, 1e7, 1e8, 1e9];
