/** What the model is asked: a day's bytes, how unevenly they come, and what files and clients are like. */
export const BYTES_A_DAY = 1e15;
/** The busiest minutes against the mean of the day. */
export const PEAK = 3;
export const OPEN_SESSIONS = 10_000_000;
/** Of an open session's parts. */
export const STORED_SHARE = 0.5;
export const FILE_SIZES: readonly number[] = [100e6, 1e9, 10e9];
export const NODES: readonly number[] = [10, 100, 1000];
/** Bytes a second of one client's connection; its part lies in the spool for as long as it takes. */
export const CLIENT_SPEED = 2e6;
/** As it is set unless somebody sets it. */
export const POOL = 10;
/** Connections of a node besides, at most: for notifications, for whether it is ready, for whose turn the sweep is. */
export const ASIDE = 3;
/** PARTWAY_SESSION_TTL: for so long a committed session is kept, with its parts. */
export const KEPT_DAYS = 7;
/** What PostgreSQL is given to hold without a pooler: beyond some hundreds each connection costs all others. */
export const CONNECTIONS_WITHOUT_POOLER = 500;
/** Statements: three a part; eleven to begin a session, one for its first part at a node, sixteen to commit it. */
export const STATEMENTS_A_PART = 3;
export const STATEMENTS_AN_UPLOAD = 28;
/** US dollars, as AWS lists them for S3 Standard in its oldest region: they change; look yours up. */
export const PRICE_A_WRITE_REQUEST = 0.005 / 1000;
/** Contents a request of a bucket's list, and contents that the sweep asks the rows for at a time. */
export const LISTED_A_REQUEST = 1000;
export const ASKED_AT_A_TIME = 100;
export const BUCKETS: readonly number[] = [1e6, 1e7, 1e8, 1e9];
